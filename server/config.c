#include "config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <sched.h>
#include <unistd.h>

#include "json_text.h"
#include "unroll/limits.h"

enum setting_type { SETTING_TEXT, SETTING_INTEGER, SETTING_BYTES };

/* One row for each setting: the only place that knows its name, range, default and help. */
struct setting {
    const char *name;
    enum setting_type type;
    size_t offset, size; /* in struct ur_config */
    int64_t low, high;
    const char *standard;
    const char *help;
};

#define TEXT(member)                                                                           \
    SETTING_TEXT, offsetof(struct ur_config, member), sizeof((struct ur_config *)0)->member
#define INTEGER(member) SETTING_INTEGER, offsetof(struct ur_config, member), sizeof(int32_t)
#define BYTES(member)   SETTING_BYTES, offsetof(struct ur_config, member), sizeof(int64_t)

static const struct setting settings[] = {
    {"listen", TEXT(listen), 0, 0, "127.0.0.1:8080",
     "HOST:PORT to serve on; loopback only; port 0: any free one"},
    {"state_dir", TEXT(state_dir), 0, 0, "state",
     "folder for the database, checkpoints and models"},
    {"datasets", TEXT(datasets), 0, 0, "",
     "folders with data sets, colon-separated, read-only"},
    {"allowed_hosts", TEXT(allowed_hosts), 0, 0, "",
     "further names that a Host header may carry, comma-separated"},
    {"web_dir", TEXT(web_dir), 0, 0, "",
     "folder to serve the page from; empty: the built-in one"},
    {"worker", TEXT(worker), 0, 0, "",
     "the training program; empty: unroll-train beside this one"},
    {"predictor", TEXT(predictor), 0, 0, "",
     "the predictor program; empty: unroll-predict beside this one"},
    {"threads", INTEGER(threads), 0, UR_MAX_THREADS, "0",
     "cores for all jobs together; 0: all of the machine"},
    {"memory", BYTES(memory_bytes), 0, INT64_C(1) << 46, "0",
     "memory for all jobs together, in bytes or as 4G; 0: 80 % of the machine"},
    {"max_jobs", INTEGER(max_jobs), 1, 64, "16", "jobs that run at once"},
    {"max_queued", INTEGER(max_queued), 1, 100000, "1000", "jobs that wait"},
    {"max_connections", INTEGER(max_connections), 16, 100000, "12000",
     "connections of clients"},
    {"max_watchers", INTEGER(max_watchers), 1, 100000, "10000", "open event streams"},
    {"http_threads", INTEGER(http_threads), 1, 16, "2", "threads that wait for requests"},
    {"pool_threads", INTEGER(pool_threads), 1, 64, "4", "threads that answer requests"},
    {"max_restarts", INTEGER(max_restarts), 0, 1000, "5",
     "restarts of a job's worker without a step in between"},
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };
_Static_assert((int)N_SETTINGS <= (int)UR_MAX_SETTINGS,
               "sources[] has a place for every setting");

static char *text_of(struct ur_config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

/* "4G" and the like, as a count of bytes. */
static bool parse_bytes(const char *text, int64_t high, int64_t *out)
{
    static const char suffixes[] = "KMGT";
    char digits[24];
    const size_t length = strlen(text);
    const char *suffix =
        length ? strchr(suffixes, toupper((unsigned char)text[length - 1])) : NULL;
    const int shift = suffix && *suffix ? 10 * (int)(suffix - suffixes + 1) : 0;
    const size_t n = shift ? length - 1 : length;
    if (n >= sizeof digits)
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    if (!ur_parse_int64(digits, 0, high >> shift, out))
        return false;
    *out <<= shift;
    return true;
}

static enum ur_status set_text(struct ur_config *config, const struct setting *setting,
                               const char *value, const char *origin, struct ur_error *error)
{
    if (strlen(value) >= setting->size)
        return ur_fail(error, UR_USAGE, "%s (from %s) is longer than %zu bytes.", setting->name,
                       origin, setting->size - 1);
    if (!ur_text_printable(value, strlen(value)))
        return ur_fail(error, UR_USAGE, "%s (from %s) holds control characters.", setting->name,
                       origin);
    ur_copy(text_of(config, setting), setting->size, value);
    return UR_OK;
}

static enum ur_status set(struct ur_config *config, const struct setting *setting,
                          const char *value, enum ur_setting_source source, const char *origin,
                          struct ur_error *error)
{
    int64_t number = 0;
    bool fits = true;
    if (setting->type == SETTING_TEXT) {
        const enum ur_status status = set_text(config, setting, value, origin, error);
        if (status != UR_OK)
            return status;
    } else if (setting->type == SETTING_INTEGER) {
        fits = ur_parse_int64(value, setting->low, setting->high, &number);
        const int32_t small = (int32_t)number;
        memcpy(text_of(config, setting), &small, sizeof small);
    } else {
        fits = parse_bytes(value, setting->high, &number);
        memcpy(text_of(config, setting), &number, sizeof number);
    }
    if (!fits)
        return ur_fail(error, UR_USAGE,
                       "%s (from %s) is \"%.64s\"; it must be a whole number, %" PRId64
                       "..%" PRId64 ".",
                       setting->name, origin, value, setting->low, setting->high);
    config->sources[setting - settings] = source;
    return UR_OK;
}

/* Compares a setting's name with a flag or a variable, where '_' is written otherwise. */
static bool same_name(const char *name, const char *given, size_t length, char underscore,
                      bool upper)
{
    if (strlen(name) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        char expected = name[i] == '_' ? underscore : name[i];
        if (upper)
            expected = (char)toupper((unsigned char)expected);
        if (given[i] != expected)
            return false;
    }
    return true;
}

static const struct setting *find(const char *given, size_t length, char underscore)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (same_name(settings[i].name, given, length, underscore, false))
            return &settings[i];
    return NULL;
}

static enum ur_status set_from_json(struct ur_config *config, const char *key,
                                    const json_t *value, const char *origin,
                                    struct ur_error *error)
{
    char number[32];
    const struct setting *setting = find(key, strlen(key), '_');
    if (!setting)
        return ur_fail(error, UR_USAGE, "%s has a setting \"%.64s\" that does not exist.",
                       origin, key);
    if (json_is_string(value))
        return set(config, setting, json_string_value(value), UR_SOURCE_FILE, origin, error);
    if (!json_is_integer(value))
        return ur_fail(error, UR_USAGE, "%s (from %s) must be a text or a whole number.",
                       setting->name, origin);
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return set(config, setting, number, UR_SOURCE_FILE, origin, error);
}

static enum ur_status load_file(struct ur_config *config, const char *path,
                                struct ur_error *error)
{
    json_error_t where;
    enum ur_status status = UR_OK;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return ur_fail(error, UR_USAGE, "The settings in %s cannot be read: line %d: %s", path,
                       where.line, where.text);
    const char *key;
    json_t *value;
    if (!json_is_object(root))
        status = ur_fail(error, UR_USAGE, "%s must hold one JSON object.", path);
    json_object_foreach(root, key, value)
    {
        if (status == UR_OK)
            status = set_from_json(config, key, value, path, error);
    }
    json_decref(root);
    return status;
}

static enum ur_status load_environment(struct ur_config *config, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    for (size_t i = 0; i < N_SETTINGS && status == UR_OK; i++) {
        char variable[64] = "UNROLL_";
        size_t length = strlen(variable);
        for (const char *at = settings[i].name; *at; at++)
            variable[length++] = (char)toupper((unsigned char)*at);
        variable[length] = '\0';
        const char *value = getenv(variable);
        if (value && (*value || settings[i].type == SETTING_TEXT))
            status = set(config, &settings[i], value, UR_SOURCE_ENVIRONMENT, variable, error);
    }
    return status;
}

/* Splits "--name=value" or "--name value"; *next is the argument after. */
static enum ur_status read_flag(int argc, char **argv, int *next, const char **name,
                                size_t *length, const char **value, struct ur_error *error)
{
    const char *argument = argv[(*next)++];
    if (strncmp(argument, "--", 2) != 0)
        return ur_fail(error, UR_USAGE, "\"%.64s\" is not understood; see --help.", argument);
    *name = argument + 2;
    *length = strcspn(*name, "=");
    *value = NULL;
    if ((*name)[*length] == '=')
        *value = *name + *length + 1;
    else if (*next < argc)
        *value = argv[*next];
    return UR_OK;
}

static bool is(const char *name, size_t length, const char *expected)
{
    return strlen(expected) == length && memcmp(name, expected, length) == 0;
}

/* First walk: --config alone; second walk: everything else. */
static enum ur_status load_flags(struct ur_config *config, int argc, char **argv,
                                 const char **file, bool *help, bool *version,
                                 struct ur_error *error)
{
    for (int next = 1; next < argc;) {
        const char *name = "", *value = NULL;
        size_t length = 0;
        enum ur_status status = read_flag(argc, argv, &next, &name, &length, &value, error);
        if (status != UR_OK)
            return status;
        if (is(name, length, "help") || is(name, length, "version") ||
            is(name, length, "check")) {
            *help = *help || is(name, length, "help");
            *version = *version || is(name, length, "version");
            config->check = config->check || is(name, length, "check");
            continue;
        }
        const struct setting *setting = find(name, length, '-');
        if (!setting && !is(name, length, "config"))
            return ur_fail(error, UR_USAGE, "There is no flag --%.*s; see --help.",
                           length < 64 ? (int)length : 64, name);
        if (!value)
            return ur_fail(error, UR_USAGE, "--%.*s wants a value.", (int)length, name);
        next += name[length] != '=';
        if (!setting && file)
            *file = value;
        else if (setting && !file &&
                 (status = set(config, setting, value, UR_SOURCE_FLAG, "a flag", error)) !=
                     UR_OK)
            return status;
    }
    return UR_OK;
}

static enum ur_status split_listen(struct ur_config *config, struct ur_error *error)
{
    const char *colon = strrchr(config->listen, ':');
    int64_t port = 0;
    const bool bracketed = config->listen[0] == '[';
    size_t length = colon ? (size_t)(colon - config->listen) : 0;
    const char *host = config->listen;
    if (bracketed && length > 2 && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    if (!colon || length == 0 || length >= sizeof config->host ||
        !ur_parse_int64(colon + 1, 0, 65535, &port))
        return ur_fail(
            error, UR_USAGE,
            "listen is \"%s\"; it must be HOST:PORT, as 127.0.0.1:8080 or [::1]:8080.",
            config->listen);
    memcpy(config->host, host, length);
    config->host[length] = '\0';
    config->port = (int32_t)port;
    return UR_OK;
}

/* Loopback is decided by the address and not by a name that somebody else resolves. */
static enum ur_status check_loopback(const struct ur_config *config, struct ur_error *error)
{
    struct in_addr four;
    struct in6_addr six;
    const bool loopback =
        strcmp(config->host, "localhost") == 0 ||
        (inet_pton(AF_INET, config->host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127) ||
        (inet_pton(AF_INET6, config->host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six));
    if (loopback)
        return UR_OK;
    return ur_fail(
        error, UR_USAGE,
        "unrolld does not listen on %s: whoever reaches it could start jobs, and it "
        "has no tokens yet. Listen on 127.0.0.1 or [::1], and reach it from elsewhere "
        "through ssh -L or a proxy that asks for a password.",
        config->host);
}

static void find_program(char out[UR_PATH_BYTES], const char *name)
{
    char self[UR_PATH_BYTES];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (out[0])
        return;
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    snprintf(out, UR_PATH_BYTES, "%.900s/%s", slash ? self : ".", name);
}

/* Cores that this process may use, which in a container are fewer than the machine has. */
static int32_t count_cores(void)
{
    cpu_set_t set;
    const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > UR_MAX_THREADS ? UR_MAX_THREADS : count;
}

static void fill_budgets(struct ur_config *config)
{
    if (config->threads == 0)
        config->threads = count_cores();
    if (config->memory_bytes == 0)
        config->memory_bytes =
            (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE) / 10 * 8;
}

enum ur_status ur_config_load(struct ur_config *config, int argc, char **argv, bool *help,
                              bool *version, struct ur_error *error)
{
    const char *file = getenv("UNROLL_CONFIG");
    enum ur_status status = UR_OK;
    *config = (struct ur_config){0};
    *help = *version = false;
    for (size_t i = 0; i < N_SETTINGS && status == UR_OK; i++)
        status =
            set(config, &settings[i], settings[i].standard, UR_SOURCE_DEFAULT, "here", error);
    if (status == UR_OK)
        status = load_flags(config, argc, argv, &file, help, version, error);
    if (status != UR_OK || *help || *version)
        return status;
    if (file && *file)
        status = load_file(config, file, error);
    if (status == UR_OK)
        status = load_environment(config, error);
    if (status == UR_OK)
        status = load_flags(config, argc, argv, NULL, help, version, error);
    if (status == UR_OK)
        status = split_listen(config, error);
    if (status == UR_OK)
        status = check_loopback(config, error);
    if (status != UR_OK)
        return status;
    find_program(config->worker, "unroll-train");
    find_program(config->predictor, "unroll-predict");
    fill_budgets(config);
    return UR_OK;
}

static void print_value(const struct ur_config *config, const struct setting *setting,
                        struct ur_text *json)
{
    const char *at = (const char *)config + setting->offset;
    int32_t small;
    int64_t large;
    if (setting->type == SETTING_TEXT) {
        ur_json_key_string(json, "value", at);
    } else if (setting->type == SETTING_INTEGER) {
        memcpy(&small, at, sizeof small);
        ur_json_key_integer(json, "value", small);
    } else {
        memcpy(&large, at, sizeof large);
        ur_json_key_integer(json, "value", large);
    }
}

void ur_config_print(const struct ur_config *config, struct ur_text *json)
{
    static const char *const sources[] = {"default", "file", "environment", "flag"};
    ur_text_append(json, "{\"items\":[", 10);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        ur_json_comma(json);
        ur_text_append(json, "{", 1);
        ur_json_key_string(json, "name", settings[i].name);
        print_value(config, &settings[i], json);
        ur_json_key_string(json, "source", sources[config->sources[i]]);
        ur_json_key_string(json, "help", settings[i].help);
        ur_text_append(json, "}", 1);
    }
    ur_text_append(json, "]}", 2);
}

void ur_config_help(struct ur_text *text)
{
    ur_text_format(text, "usage: unrolld [--config FILE] [--FLAG VALUE]… [--check]\n\n"
                         "A setting comes from the file, the environment (UNROLL_STATE_DIR for "
                         "--state-dir), or a flag;\nthe later of these wins.\n\n");
    for (size_t i = 0; i < N_SETTINGS; i++) {
        char flag[32];
        ur_copy(flag, sizeof flag, settings[i].name);
        for (char *at = flag; *at; at++)
            *at = *at == '_' ? '-' : *at;
        ur_text_format(text, "  --%-16s %s%s%s%s\n", flag, settings[i].help,
                       settings[i].standard[0] ? " [" : "", settings[i].standard,
                       settings[i].standard[0] ? "]" : "");
    }
    ur_text_format(text, "  --%-16s %s\n  --%-16s %s\n  --%-16s %s\n", "check",
                   "print the settings as JSON and end", "version", "print the version and end",
                   "help", "print this and end");
}
