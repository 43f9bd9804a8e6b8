#include "catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "fail.h"
#include "json_text.h"
#include "store.h"
#include "unroll/clock.h"
#include "unroll/log.h"

/* The four parts of a set of images and the two of one of series, each with the spellings that
 * are out there, as in docs/datasets.md; what begins with _ has the set's name in front. */
enum { PARTS = 6, SERIES_PARTS_BEGIN = 4 };
static const char *const stems[PARTS][2] = {
    {"train-images-idx3-ubyte", "train-images.idx3-ubyte"},
    {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte"},
    {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"},
    {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"},
    {"_TRAIN.tsv", "train.csv"},
    {"_TEST.tsv", "test.csv"},
};

struct entry {
    struct ur_dataset_row row; /* signature, and the facts while READY */
    enum ur_dataset_state state;
    char why[UR_ERROR_DETAIL_BYTES];
    bool seen; /* by the last scan */
    int32_t put_off;
    int64_t retry_at_us; /* while NEW */
};

#define LONGEST_PAUSE_US INT64_C(600000000)

struct ur_catalogue {
    struct ur_store *store;
    char folders[UR_PATH_BYTES];
    char own_folder[UR_PATH_BYTES + 16];
    pthread_mutex_t scan_mutex; /* held during a scan, which waits for the disk */
    pthread_mutex_t mutex;      /* guards the entries, and is never held for long */
    struct entry *entries;
    int32_t n_entries;
};

bool ur_catalogue_built_in(const char *name)
{
    return strcmp(name, "digits") == 0 || strcmp(name, "series") == 0;
}

static struct entry *find(struct ur_catalogue *catalogue, const char *name)
{
    for (int32_t i = 0; i < catalogue->n_entries; i++)
        if (strcmp(catalogue->entries[i].row.facts.name, name) == 0)
            return &catalogue->entries[i];
    return NULL;
}

/* Adds what identifies one part, size and time of change, to the signature; false: not
 * there. */
static bool sign_part(int folder, const char *name, int part, struct ur_text *signature)
{
    for (int spelling = 0; spelling < 4; spelling++) {
        char file[2 * UR_NAME_BYTES];
        struct stat about;
        const char *stem = stems[part][spelling % 2];
        snprintf(file, sizeof file, "%.64s%s%s", stem[0] == '_' ? name : "", stem,
                 spelling < 2 ? "" : ".gz");
        if (fstatat(folder, file, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode))
            continue;
        ur_text_format(signature, "%d%d:%jd:%jd.%09ld;", part, spelling,
                       (intmax_t)about.st_size, (intmax_t)about.st_mtim.tv_sec,
                       about.st_mtim.tv_nsec);
        return true;
    }
    return false;
}

/* Gives the signature of a folder and what kind of set it would be; false if it holds no part
 * of a data set. A set that lacks parts is one: the worker says which. With any file of images
 * it is one of images, as in the worker. */
static bool sign(int parent, const char *name, char out[UR_SIGNATURE_BYTES], const char **kind)
{
    struct ur_text signature;
    bool images = false, series = false;
    const int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return false;
    ur_text_init(&signature, UR_SIGNATURE_BYTES);
    for (int part = 0; part < SERIES_PARTS_BEGIN; part++)
        images = sign_part(folder, name, part, &signature) || images;
    for (int part = SERIES_PARTS_BEGIN; part < PARTS && !images; part++)
        series = sign_part(folder, name, part, &signature) || series;
    *kind = images ? "idx" : UR_KIND_SERIES;
    close(folder);
    ur_copy(out, UR_SIGNATURE_BYTES, ur_text_get(&signature));
    ur_text_release(&signature);
    return images || series;
}

/* What a scan finds, before anybody else sees it. */
struct finding {
    int32_t count;
    struct found {
        char name[UR_NAME_BYTES], signature[UR_SIGNATURE_BYTES];
        const char *kind;
    } sets[UR_MAX_DATASETS];
};

static void note(struct finding *finding, const char *name, const char *signature,
                 const char *kind)
{
    for (int32_t i = 0; i < finding->count; i++)
        if (strcmp(finding->sets[i].name, name) == 0)
            return; /* a folder searched earlier has that name */
    if (finding->count == UR_MAX_DATASETS)
        return;
    struct found *found = &finding->sets[finding->count++];
    ur_copy(found->name, sizeof found->name, name);
    ur_copy(found->signature, sizeof found->signature, signature);
    found->kind = kind;
}

static void scan_folder(struct finding *finding, const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (const struct dirent *item = readdir(folder); item; item = readdir(folder)) {
        char signature[UR_SIGNATURE_BYTES];
        const char *kind;
        if (ur_name_valid(item->d_name) && !ur_catalogue_built_in(item->d_name) &&
            sign(dirfd(folder), item->d_name, signature, &kind))
            note(finding, item->d_name, signature, kind);
    }
    closedir(folder);
}

static void scan_folders(const struct ur_catalogue *catalogue, struct finding *finding)
{
    for (const char *at = catalogue->folders; *at;) {
        char path[UR_PATH_BYTES];
        const size_t length = strcspn(at, ":");
        memcpy(path, at, length);
        path[length] = '\0';
        if (length > 0)
            scan_folder(finding, path);
        at += length + (at[length] == ':');
    }
    scan_folder(finding, catalogue->own_folder);
}

/* Drops the entries that were not found. */
static void drop_unseen(struct ur_catalogue *catalogue)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < catalogue->n_entries; i++)
        if (catalogue->entries[i].seen)
            catalogue->entries[kept++] = catalogue->entries[i];
    catalogue->n_entries = kept;
}

/* Sees to an entry for a set; one whose files are others is new again. */
static void take_found(struct ur_catalogue *catalogue, const struct found *found)
{
    struct entry *entry = find(catalogue, found->name);
    if (!entry) {
        entry = &catalogue->entries[catalogue->n_entries++];
        *entry = (struct entry){0};
        ur_copy(entry->row.facts.name, sizeof entry->row.facts.name, found->name);
    }
    if (strcmp(entry->row.signature, found->signature) == 0)
        return;
    ur_copy(entry->row.facts.kind, sizeof entry->row.facts.kind, found->kind);
    ur_copy(entry->row.signature, sizeof entry->row.signature, found->signature);
    entry->state = UR_DATASET_NEW;
    entry->put_off = 0;
    entry->retry_at_us = 0;
}

/* Makes the entries those that were found; true if one wants to be described. */
static bool merge(struct ur_catalogue *catalogue, const struct finding *finding)
{
    bool work = false;
    for (int32_t i = 0; i < catalogue->n_entries; i++)
        catalogue->entries[i].seen = false;
    for (int32_t i = 0; i < finding->count; i++) {
        struct entry *entry = find(catalogue, finding->sets[i].name);
        if (entry)
            entry->seen = true;
    }
    drop_unseen(catalogue); /* first, so that what is found has room */
    for (int32_t i = 0; i < finding->count; i++)
        take_found(catalogue, &finding->sets[i]);
    for (int32_t i = 0; i < catalogue->n_entries; i++)
        work = work || catalogue->entries[i].state == UR_DATASET_NEW;
    return work;
}

bool ur_catalogue_scan(struct ur_catalogue *catalogue)
{
    struct finding *finding = malloc(sizeof *finding);
    if (!finding)
        return false; /* what is known stays */
    finding->count = 0;
    pthread_mutex_lock(&catalogue->scan_mutex);
    scan_folders(catalogue, finding);
    pthread_mutex_lock(&catalogue->mutex);
    const bool work = merge(catalogue, finding);
    pthread_mutex_unlock(&catalogue->mutex);
    pthread_mutex_unlock(&catalogue->scan_mutex);
    free(finding);
    return work;
}

static enum ur_status fail_unknown(struct ur_catalogue *catalogue, const char *name,
                                   struct ur_error *error)
{
    struct ur_text list;
    ur_text_init(&list, 256);
    for (int32_t i = 0; i < catalogue->n_entries && i < 12; i++)
        ur_text_format(&list, ", %s", catalogue->entries[i].row.facts.name);
    const enum ur_status status = ur_fail(
        error, UR_UNKNOWN_DATASET, "There is no data set \"%.64s\"; there is: digits, series%s",
        name, ur_text_get(&list));
    ur_text_release(&list);
    return status;
}

static void fill_built_in(const char *name, const struct ur_spec *spec,
                          struct ur_dataset_facts *facts)
{
    if (strcmp(name, "series") == 0) {
        *facts = (struct ur_dataset_facts){.state = UR_DATASET_READY,
                                           .shape = {.steps = 120,
                                                     .width = 1,
                                                     .classes = 6,
                                                     .n_train = spec->data.count,
                                                     .n_test = spec->data.count / 6,
                                                     .series = 1}};
        return;
    }
    *facts = (struct ur_dataset_facts){.state = UR_DATASET_READY,
                                       .shape = {.steps = 28,
                                                 .width = 28,
                                                 .classes = 10,
                                                 .n_train = spec->data.count,
                                                 .n_test = spec->data.count / 6}};
}

enum ur_status ur_catalogue_find(struct ur_catalogue *catalogue, const struct ur_spec *spec,
                                 struct ur_dataset_facts *facts, struct ur_error *error)
{
    if (ur_catalogue_built_in(spec->dataset)) {
        fill_built_in(spec->dataset, spec, facts);
        return UR_OK;
    }
    enum ur_status status = UR_OK;
    *facts = (struct ur_dataset_facts){0};
    pthread_mutex_lock(&catalogue->mutex);
    const struct entry *entry = find(catalogue, spec->dataset);
    if (entry) {
        facts->state = entry->state;
        facts->shape = entry->row.facts.shape;
        ur_copy(facts->sha256, sizeof facts->sha256, entry->row.facts.sha256);
        ur_copy(facts->why, sizeof facts->why, entry->why);
    } else {
        status = fail_unknown(catalogue, spec->dataset, error);
    }
    pthread_mutex_unlock(&catalogue->mutex);
    return status;
}

bool ur_catalogue_take_new(struct ur_catalogue *catalogue, char name[UR_NAME_BYTES])
{
    struct entry *found = NULL;
    const int64_t now_us = ur_clock_us();
    pthread_mutex_lock(&catalogue->mutex);
    for (int32_t i = 0; i < catalogue->n_entries && !found; i++)
        if (catalogue->entries[i].state == UR_DATASET_NEW &&
            catalogue->entries[i].retry_at_us <= now_us)
            found = &catalogue->entries[i];
    if (found) {
        found->state = UR_DATASET_DESCRIBING;
        ur_copy(name, UR_NAME_BYTES, found->row.facts.name);
    }
    pthread_mutex_unlock(&catalogue->mutex);
    return found != NULL;
}

void ur_catalogue_put_off(struct ur_catalogue *catalogue, const char *name, int64_t pause_us)
{
    pthread_mutex_lock(&catalogue->mutex);
    struct entry *entry = find(catalogue, name);
    if (entry && entry->state == UR_DATASET_DESCRIBING) {
        pause_us <<= entry->put_off < 8 ? entry->put_off++ : 8;
        entry->state = UR_DATASET_NEW;
        entry->retry_at_us =
            ur_clock_us() + (pause_us < LONGEST_PAUSE_US ? pause_us : LONGEST_PAUSE_US);
    }
    pthread_mutex_unlock(&catalogue->mutex);
}

int64_t ur_catalogue_retry_at(struct ur_catalogue *catalogue)
{
    int64_t earliest = INT64_MAX;
    pthread_mutex_lock(&catalogue->mutex);
    for (int32_t i = 0; i < catalogue->n_entries; i++) {
        const struct entry *entry = &catalogue->entries[i];
        if (entry->state == UR_DATASET_NEW && entry->retry_at_us < earliest)
            earliest = entry->retry_at_us;
    }
    pthread_mutex_unlock(&catalogue->mutex);
    return earliest;
}

void ur_catalogue_described(struct ur_catalogue *catalogue, const char *name,
                            const struct ur_record_dataset *record, const char *why)
{
    struct ur_dataset_row row;
    pthread_mutex_lock(&catalogue->mutex);
    struct entry *entry = find(catalogue, name);
    /* Files that changed meanwhile made the entry NEW again: it will be looked at once more. */
    const bool wanted = entry && entry->state == UR_DATASET_DESCRIBING;
    if (wanted && record) {
        entry->row.facts = *record;
        ur_copy(entry->row.facts.name, sizeof entry->row.facts.name, name);
        entry->state = UR_DATASET_READY;
        row = entry->row;
    } else if (wanted) {
        entry->state = UR_DATASET_BAD;
        ur_copy(entry->why, sizeof entry->why, why);
    }
    pthread_mutex_unlock(&catalogue->mutex);
    struct ur_error error = {0};
    if (wanted && record && ur_store_dataset_put(catalogue->store, &row, &error) != UR_OK)
        ur_log(UR_LOG_WARNING, "the facts of data set %s are not kept: %s", name, error.detail);
    if (wanted && !record)
        ur_log(UR_LOG_WARNING, "data set %s cannot be used: %s", name, why);
}

static void print_shape(struct ur_text *json, const struct ur_data_shape *shape)
{
    ur_json_key_integer(json, "steps", shape->steps);
    ur_json_key_integer(json, "width", shape->width);
    ur_json_key_integer(json, "classes", shape->classes);
    ur_json_key_integer(json, "n_train", shape->n_train);
    ur_json_key_integer(json, "n_test", shape->n_test);
}

/* The name of a built-in set is its kind too. */
static void print_built_in(struct ur_text *json, const char *name)
{
    struct ur_spec standard;
    struct ur_dataset_facts facts;
    ur_spec_defaults(&standard);
    fill_built_in(name, &standard, &facts);
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "name", name);
    ur_json_key_string(json, "kind", name);
    ur_json_key_string(json, "state", "ready");
    print_shape(json, &facts.shape);
    ur_json_key_raw(json, "sha256", NULL); /* it depends on the spec's count and seed */
    ur_json_key_string(json, "detail",
                       "drawn by the program; the spec's data.count and data.seed say how many "
                       "and which");
    ur_text_append(json, "}", 1);
}

static void print_entry(struct ur_text *json, const struct entry *entry)
{
    static const char *const states[] = {"new", "checking", "ready", "damaged"};
    ur_text_append(json, ",{", 2);
    ur_json_key_string(json, "name", entry->row.facts.name);
    ur_json_key_string(json, "kind", entry->row.facts.kind);
    ur_json_key_string(json, "state", states[entry->state]);
    if (entry->state == UR_DATASET_READY)
        print_shape(json, &entry->row.facts.shape);
    ur_json_key_string_or_null(json, "sha256",
                               entry->state == UR_DATASET_READY ? entry->row.facts.sha256 : "");
    ur_json_key_string_or_null(json, "detail",
                               entry->state == UR_DATASET_BAD ? entry->why : "");
    ur_text_append(json, "}", 1);
}

enum ur_status ur_catalogue_print(struct ur_catalogue *catalogue, struct ur_text *json,
                                  struct ur_error *error)
{
    ur_text_append(json, "{\"items\":[", 10);
    print_built_in(json, "digits");
    ur_text_append(json, ",", 1);
    print_built_in(json, "series");
    pthread_mutex_lock(&catalogue->mutex);
    for (int32_t i = 0; i < catalogue->n_entries; i++)
        print_entry(json, &catalogue->entries[i]);
    pthread_mutex_unlock(&catalogue->mutex);
    ur_text_format(json, "],\"next\":null}");
    return json->failed ? ur_no_memory(error) : UR_OK;
}

/* Takes a description from the store; the scan after it drops it if the files are others. */
static enum ur_status restore(void *context, const struct ur_dataset_row *row,
                              struct ur_error *error)
{
    struct ur_catalogue *catalogue = context;
    (void)error;
    if (catalogue->n_entries < UR_MAX_DATASETS)
        catalogue->entries[catalogue->n_entries++] =
            (struct entry){.row = *row, .state = UR_DATASET_READY};
    return UR_OK;
}

enum ur_status ur_catalogue_create(struct ur_catalogue **out, const struct ur_config *config,
                                   struct ur_store *store, struct ur_error *error)
{
    *out = NULL;
    struct ur_catalogue *catalogue = calloc(1, sizeof *catalogue);
    if (!catalogue)
        return ur_no_memory(error);
    pthread_mutex_init(&catalogue->scan_mutex, NULL);
    pthread_mutex_init(&catalogue->mutex, NULL);
    catalogue->store = store;
    ur_copy(catalogue->folders, sizeof catalogue->folders, config->datasets);
    snprintf(catalogue->own_folder, sizeof catalogue->own_folder, "%s/datasets",
             ur_store_folder(store));
    catalogue->entries = calloc(UR_MAX_DATASETS, sizeof *catalogue->entries);
    enum ur_status status = catalogue->entries ? UR_OK : ur_no_memory(error);
    if (status == UR_OK && mkdir(catalogue->own_folder, 0700) != 0 && errno != EEXIST)
        status = ur_fail_errno(error, errno, "The folder of data sets cannot be made");
    if (status == UR_OK)
        status = ur_store_datasets(store, restore, catalogue, error);
    if (status == UR_OK) {
        ur_catalogue_scan(catalogue);
        *out = catalogue;
        return UR_OK;
    }
    ur_catalogue_destroy(catalogue);
    return status;
}

void ur_catalogue_destroy(struct ur_catalogue *catalogue)
{
    if (!catalogue)
        return;
    pthread_mutex_destroy(&catalogue->scan_mutex);
    pthread_mutex_destroy(&catalogue->mutex);
    free(catalogue->entries);
    free(catalogue);
}
