#include "data/search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unroll/text.h"

/* The first spelling that is there is taken: an unpacked file goes before its archive. A %s is
 * the set's name. */
static const char *const idx_spellings[UR_PARTS][4] = {
    {"train-images-idx3-ubyte", "train-images.idx3-ubyte", "train-images-idx3-ubyte.gz",
     "train-images.idx3-ubyte.gz"},
    {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte", "train-labels-idx1-ubyte.gz",
     "train-labels.idx1-ubyte.gz"},
    {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte", "t10k-images-idx3-ubyte.gz",
     "t10k-images.idx3-ubyte.gz"},
    {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte", "t10k-labels-idx1-ubyte.gz",
     "t10k-labels.idx1-ubyte.gz"},
};
static const char *const series_spellings[UR_SERIES_PARTS][4] = {
    {"%s_TRAIN.tsv", "train.csv", "%s_TRAIN.tsv.gz", "train.csv.gz"},
    {"%s_TEST.tsv", "test.csv", "%s_TEST.tsv.gz", "test.csv.gz"},
};

enum { UR_SPELLINGS = 4 };

static int parts_of(enum ur_layout layout)
{
    return layout == UR_LAYOUT_IDX ? (int)UR_PARTS : (int)UR_SERIES_PARTS;
}

static void spell(enum ur_layout layout, int part, int spelling, const char *name,
                  char out[UR_PART_NAME_BYTES])
{
    const char *as = layout == UR_LAYOUT_IDX ? idx_spellings[part][spelling]
                                             : series_spellings[part][spelling];
    const bool named = strncmp(as, "%s", 2) == 0;
    snprintf(out, UR_PART_NAME_BYTES, "%.64s%.31s", named ? name : "", named ? as + 2 : as);
}

/* Walks the search folders in order. *cursor starts at 0; false after the last one. */
static bool next_folder(const char *extra_folder, size_t *cursor, char out[PATH_MAX])
{
    const char *list = getenv("UNROLL_DATASETS");
    const size_t length = list ? strlen(list) : 0;
    while (*cursor < length) {
        const char *begin = list + *cursor;
        const size_t bytes = strcspn(begin, ":");
        *cursor += bytes + 1;
        if (bytes == 0 || bytes >= PATH_MAX)
            continue;
        memcpy(out, begin, bytes);
        out[bytes] = '\0';
        return true;
    }
    /* SIZE_MAX: the extra folder has been given out too. */
    if (*cursor == SIZE_MAX || !extra_folder || !*extra_folder)
        return false;
    *cursor = SIZE_MAX;
    return ur_copy(out, PATH_MAX, extra_folder);
}

static int open_folder_at(int parent, const char *path)
{
    return openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* O_NONBLOCK keeps a named pipe, planted as a file, from holding us up for ever. A link is
 * followed only in a folder that an administrator named: others may have put one into the
 * daemon's own. */
static enum ur_status open_part(int folder, const char *file, bool follow, int *fd,
                                struct ur_error *error)
{
    const int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    *fd = openat(folder, file, follow ? how : how | O_NOFOLLOW);
    if (*fd < 0 && errno == ENOENT)
        return UR_OK;
    if (*fd < 0 && errno == ELOOP && !follow)
        return ur_fail(error, UR_BAD_DATASET, "%s is a symbolic link, it must be a file.",
                       file);
    if (*fd < 0)
        return ur_fail_errno(error, errno, "%s cannot be opened", file);
    struct stat about;
    if (fstat(*fd, &about) == 0 && S_ISREG(about.st_mode))
        return UR_OK;
    close(*fd);
    *fd = -1;
    return ur_fail(error, UR_BAD_DATASET, "%s is not a regular file.", file);
}

static enum ur_status open_any_spelling(int folder, int part, const char *name, bool follow,
                                        struct ur_found_files *found, struct ur_error *error)
{
    for (int i = 0; i < UR_SPELLINGS; i++) {
        spell(found->layout, part, i, name, found->names[part]);
        enum ur_status status =
            open_part(folder, found->names[part], follow, &found->fds[part], error);
        if (status != UR_OK || found->fds[part] >= 0)
            return status;
    }
    return UR_OK;
}

static enum ur_status fail_missing(const char *name, enum ur_layout layout, int part,
                                   struct ur_error *error)
{
    char file[UR_PART_NAME_BYTES], other[UR_PART_NAME_BYTES];
    spell(layout, part, 0, name, file);
    spell(layout, part, layout == UR_LAYOUT_IDX ? 2 : 1, name, other);
    return ur_fail(error, UR_BAD_DATASET,
                   "The data set %s is not complete: %s is missing (or %s).", name, file,
                   other);
}

/* *there tells whether the folder holds a data set of this layout at all. */
static enum ur_status open_parts(int folder, const char *name, bool follow,
                                 struct ur_found_files *found, bool *there,
                                 struct ur_error *error)
{
    int missing = -1;
    *there = false;
    for (int part = 0; part < parts_of(found->layout); part++) {
        enum ur_status status = open_any_spelling(folder, part, name, follow, found, error);
        if (status != UR_OK)
            return status;
        if (found->fds[part] >= 0)
            *there = true;
        else if (missing < 0)
            missing = part;
    }
    return *there && missing >= 0 ? fail_missing(name, found->layout, missing, error) : UR_OK;
}

/* Passes over a folder that is not there, and only that: one that may not be read is not
 * silently another data set, or none. */
static enum ur_status check_absent(const char *what, int why, struct ur_error *error)
{
    if (why == ENOENT || why == ENOTDIR)
        return UR_OK;
    return ur_fail_errno(error, why, "The folder %s cannot be opened", what);
}

static enum ur_status open_set(const char *folder_path, const char *name, bool follow,
                               struct ur_found_files *found, bool *there,
                               struct ur_error *error)
{
    *there = false;
    const int parent = open_folder_at(AT_FDCWD, folder_path);
    if (parent < 0)
        return check_absent("with data sets", errno, error);
    const int folder = open_folder_at(parent, name);
    const int why = errno;
    close(parent);
    if (folder < 0)
        return check_absent(name, why, error);
    enum ur_status status = UR_OK;
    for (int layout = 0; layout < UR_LAYOUTS && status == UR_OK && !*there; layout++) {
        found->layout = (enum ur_layout)layout;
        status = open_parts(folder, name, follow, found, there, error);
    }
    close(folder);
    return status;
}

static enum ur_status fail_unknown(const char *name, const char *extra_folder,
                                   struct ur_error *error)
{
    enum { SHOWN = 12 }; /* more would not fit into an error's detail */
    struct ur_dataset_entry entries[SHOWN];
    struct ur_text list;
    ur_text_init(&list, UR_ERROR_DETAIL_BYTES);
    const size_t count = ur_dataset_list(extra_folder, entries, SHOWN);
    for (size_t i = 0; i < count; i++)
        ur_text_format(&list, "%s%s", i ? ", " : "", entries[i].name);
    enum ur_status status =
        ur_fail(error, UR_UNKNOWN_DATASET, "There is no data set \"%s\"; there is: %s%s.", name,
                ur_text_get(&list), count == SHOWN ? ", ..." : "");
    ur_text_release(&list);
    return status;
}

enum ur_status ur_dataset_find(struct ur_found_files *found, const char *name,
                               const char *extra_folder, struct ur_error *error)
{
    *found = (struct ur_found_files){.fds = {-1, -1, -1, -1}};
    if (!ur_name_valid(name))
        return ur_fail(
            error, UR_UNKNOWN_DATASET,
            "The name of a data set is 1..%d characters of A-Z a-z 0-9 . _ - and does "
            "not start with a dot.",
            UR_NAME_BYTES - 1);
    char folder[PATH_MAX];
    size_t cursor = 0;
    while (next_folder(extra_folder, &cursor, folder)) {
        bool there;
        enum ur_status status =
            open_set(folder, name, cursor != SIZE_MAX, found, &there, error);
        if (status != UR_OK)
            ur_found_files_close(found);
        if (status != UR_OK || there)
            return status;
    }
    return fail_unknown(name, extra_folder, error);
}

void ur_found_files_close(struct ur_found_files *found)
{
    for (int part = 0; found && part < UR_PARTS; part++) {
        if (found->fds[part] >= 0)
            close(found->fds[part]);
        found->fds[part] = -1;
    }
}

static bool holds_a_part(int folder, const char *name, enum ur_layout layout)
{
    bool found = false;
    for (int part = 0; part < parts_of(layout); part++)
        for (int i = 0; i < UR_SPELLINGS; i++) {
            char file[UR_PART_NAME_BYTES];
            spell(layout, part, i, name, file);
            found |= faccessat(folder, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        }
    return found;
}

/* Gives the kind of what a folder holds, NULL for nothing. A set that is not complete is listed
 * too: opening it then says what is missing. */
static const char *kind_in(int parent, const char *name)
{
    const int folder = open_folder_at(parent, name);
    const char *kind = NULL;
    if (folder < 0)
        return NULL;
    if (holds_a_part(folder, name, UR_LAYOUT_IDX))
        kind = "idx";
    else if (holds_a_part(folder, name, UR_LAYOUT_SERIES))
        kind = UR_SERIES_NAME;
    close(folder);
    return kind;
}

static bool listed(const struct ur_dataset_entry *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0)
            return true;
    return false;
}

static size_t list_folder(const char *path, struct ur_dataset_entry *entries, size_t count,
                          size_t capacity)
{
    DIR *folder = opendir(path);
    if (!folder)
        return count;
    const struct dirent *item;
    while (count < capacity && (item = readdir(folder)) != NULL) {
        if (!ur_name_valid(item->d_name) || listed(entries, count, item->d_name))
            continue;
        const char *kind = kind_in(dirfd(folder), item->d_name);
        if (!kind)
            continue;
        ur_copy(entries[count].name, UR_NAME_BYTES, item->d_name);
        ur_copy(entries[count].kind, sizeof entries[count].kind, kind);
        count++;
    }
    closedir(folder);
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ur_dataset_entry *)a)->name,
                  ((const struct ur_dataset_entry *)b)->name);
}

size_t ur_dataset_list(const char *extra_folder, struct ur_dataset_entry *entries,
                       size_t capacity)
{
    static const char *const built_in[] = {UR_DIGITS_NAME, UR_SERIES_NAME};
    enum { BUILT_IN = sizeof built_in / sizeof *built_in };
    size_t count = 0, cursor = 0;
    for (; count < BUILT_IN && count < capacity; count++) {
        entries[count] = (struct ur_dataset_entry){.name = ""};
        ur_copy(entries[count].name, sizeof entries[count].name, built_in[count]);
        ur_copy(entries[count].kind, sizeof entries[count].kind, built_in[count]);
    }
    char path[PATH_MAX];
    while (next_folder(extra_folder, &cursor, path))
        count = list_folder(path, entries, count, capacity);
    if (count > BUILT_IN)
        qsort(entries + BUILT_IN, count - BUILT_IN, sizeof *entries, by_name);
    return count;
}
