/*
 * What data sets there are: the built-in `digits` and `series`, and every folder with IDX files
 * or files of series in a search folder. The daemon lists folders and looks at sizes and times;
 * what is inside, a worker is asked (unroll-train --describe), because files are hostile until
 * checked and are never parsed here.
 *
 * The search folders are those of the setting `datasets`, in their order, then state/datasets;
 * the first folder of a name wins, as in the worker. A description holds for files of the same
 * sizes and times, and is kept in the store.
 *
 * Cost: a scan is a readdir and some stats for each folder, milliseconds. Errors: UR_NO_MEMORY;
 * a folder that cannot be read is empty. Threads: any.
 */
#ifndef UNROLL_SERVER_CATALOGUE_H
#define UNROLL_SERVER_CATALOGUE_H

#include "store_models.h"
#include "unroll/record.h"
#include "unroll/spec.h"
#include "unroll/text.h"

enum { UR_MAX_DATASETS = 256 };

enum ur_dataset_state {
    UR_DATASET_NEW,        /* nobody has looked inside yet */
    UR_DATASET_DESCRIBING, /* a worker does */
    UR_DATASET_READY,
    UR_DATASET_BAD,
};

struct ur_catalogue;
struct ur_config;
struct ur_store;

enum ur_status ur_catalogue_create(struct ur_catalogue **out, const struct ur_config *config,
                                   struct ur_store *store, struct ur_error *error);
/* Accepts NULL. */
void ur_catalogue_destroy(struct ur_catalogue *catalogue);

/* True of the sets that a program draws, which need no folder: "digits" and "series". */
bool ur_catalogue_built_in(const char *name);

/* Looks at the folders again. True if there is something new to describe. */
bool ur_catalogue_scan(struct ur_catalogue *catalogue);

/* What is known of a set. */
struct ur_dataset_facts {
    enum ur_dataset_state state;
    struct ur_data_shape shape; /* while READY */
    char sha256[UR_SHA256_HEX_BYTES];
    char why[UR_ERROR_DETAIL_BYTES]; /* while BAD */
};
/* Gives the facts of the set that a spec names. UR_UNKNOWN_DATASET, listing what there is. */
enum ur_status ur_catalogue_find(struct ur_catalogue *catalogue, const struct ur_spec *spec,
                                 struct ur_dataset_facts *facts, struct ur_error *error);

/* Takes a set that wants to be described; false: there is none now. */
bool ur_catalogue_take_new(struct ur_catalogue *catalogue, char name[UR_NAME_BYTES]);
/* Gives back a set whose worker ended without a word: that says nothing about the set, and it
 * is taken again after a pause, which doubles up to ten minutes. */
void ur_catalogue_put_off(struct ur_catalogue *catalogue, const char *name, int64_t pause_us);
/* Gives when the next set that was put off may be taken; INT64_MAX: none waits. */
int64_t ur_catalogue_retry_at(struct ur_catalogue *catalogue);
/* Takes over what the worker said: the facts, or (NULL) why it could not. Waits for the
 * store. */
void ur_catalogue_described(struct ur_catalogue *catalogue, const char *name,
                            const struct ur_record_dataset *record, const char *why);

/* Appends
 * {"items":[{"name","kind","state","steps","width","classes","n_train","n_test","sha256",
 * "detail"}…],"next":null}. */
enum ur_status ur_catalogue_print(struct ur_catalogue *catalogue, struct ur_text *json,
                                  struct ur_error *error);

#endif
