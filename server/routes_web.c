/*
 * The page: from the table inside the program, or from a folder while somebody works on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assets.h"
#include "config.h"
#include "http.h"
#include "routes.h"

enum { FILE_MAX_BYTES = 16 << 20 };

static const char *const types[][2] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".woff2", "font/woff2"},
};

static const char *type_of(const char *path)
{
    const char *suffix = strrchr(path, '.');
    for (size_t at = 0; suffix != NULL && at < sizeof types / sizeof *types; at++)
        if (strcmp(suffix, types[at][0]) == 0)
            return types[at][1];
    return "application/octet-stream";
}

/* Opens a file below the folder and nowhere else: no "..", no absolute path, no link out of it.
 */
static int open_beneath(const char *folder, const char *path)
{
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
    int failure = errno;
    close(directory);
    errno = failure;
    return fd;
}

/* UR_NOT_FOUND where the folder has no such file: the table is asked next. */
static enum ur_status read_file(const char *folder, const char *path, struct ur_reply *reply)
{
    int fd = open_beneath(folder, path + 1);
    if (fd < 0)
        return UR_NOT_FOUND;
    enum ur_status status = UR_NOT_FOUND;
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > FILE_MAX_BYTES)
        goto out;
    char bytes[16384];
    ssize_t got;
    while ((got = read(fd, bytes, sizeof bytes)) > 0)
        ur_text_append(&reply->text, bytes, (size_t)got);
    status = got == 0 ? UR_OK : UR_IO;
    reply->type = type_of(path);
    reply->document = true;
out:
    close(fd);
    return status;
}

static void serve_asset(const struct ur_request *request, const struct ur_asset *asset,
                        struct ur_reply *reply)
{
    bool packed = asset->gzip != NULL &&
                  ur_list_has(ur_request_header(request, "Accept-Encoding"), ',', "gzip");
    reply->bytes = packed ? asset->gzip : asset->bytes;
    reply->n_bytes = packed ? asset->n_gzip : asset->n_bytes;
    reply->type = asset->type;
    reply->cache = "no-cache"; /* keep it, and ask each time whether it is still the same */
    snprintf(reply->etag, sizeof reply->etag, "\"%s%s\"", asset->etag, packed ? "-gz" : "");
    if (asset->gzip != NULL)
        ur_reply_header(reply, "Vary", "Accept-Encoding");
    if (packed)
        ur_reply_header(reply, "Content-Encoding", "gzip");
}

enum ur_status ur_route_web(const struct ur_request *request, struct ur_reply *reply,
                            struct ur_error *error)
{
    const char *path = strcmp(request->path, "/") == 0 ? "/index.html" : request->path;
    const char *folder = request->server->config->web_dir;
    enum ur_status status = UR_NOT_FOUND;
    if (folder[0] != '\0')
        status = read_file(folder, path, reply);
    if (status == UR_OK)
        return UR_OK;
    if (status != UR_NOT_FOUND)
        return ur_fail(error, status, "Reading the file failed.");
    const struct ur_asset *asset = ur_asset_find(path);
    if (asset == NULL)
        return ur_fail(error, UR_NOT_FOUND, "There is nothing at this address.");
    serve_asset(request, asset, reply);
    return UR_OK;
}

/* Browsers ask for it whatever the page says. */
enum ur_status ur_route_favicon(const struct ur_request *request, struct ur_reply *reply,
                                struct ur_error *error)
{
    (void)request;
    (void)error;
    reply->status = 308;
    reply->type = NULL;
    reply->cache = "max-age=86400";
    ur_reply_header(reply, "Location", "/favicon.svg");
    return UR_OK;
}
