/* `unroll system` shows what the daemon says of itself; `unroll doctor` looks for what is
 * amiss. */
#include <sys/sysinfo.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/look.h"
#include "unroll/text.h"

enum ur_status ur_command_system(struct ur_cli *cli, struct ur_error *error)
{
    json_t *system = NULL;
    enum ur_status status = ur_client_call(&cli->client, "GET", &system, error, "/v1/system");
    if (status != UR_OK)
        return status;
    if (cli->json)
        ur_show_json(stdout, system);
    else
        ur_show_lines(stdout, system, 0);
    json_decref(system);
    return UR_OK;
}

/* One examination: what was looked at, whether it is well, and what to do if not. */
struct doctor {
    const struct ur_cli *cli;
    json_t *checks;
    enum ur_status worst;
};

static void note(struct doctor *doctor, const char *what, enum ur_status status,
                 const char *detail)
{
    if (status != UR_OK && doctor->worst == UR_OK)
        doctor->worst = status;
    if (!doctor->cli->json) {
        printf("%s %-18s ", status == UR_OK ? " ok " : "FAIL", what);
        ur_show(stdout, detail, 0);
        putchar('\n');
        return;
    }
    json_array_append_new(doctor->checks, json_pack("{s:s,s:b,s:s}", "check", what, "ok",
                                                    status == UR_OK, "detail", detail));
}

static void check_program(struct doctor *doctor, const char *program)
{
    char path[2048];
    struct ur_error error = {0};
    enum ur_status status = ur_sibling(program, path, sizeof path, &error);
    if (status == UR_OK && access(path, X_OK) != 0)
        status = ur_fail(&error, UR_NOT_FOUND,
                         "It does not lie beside this program; script/build makes it.");
    note(doctor, program, status, status == UR_OK ? path : error.detail);
}

static void check_machine(struct doctor *doctor)
{
    char text[128];
    struct sysinfo info = {0};
    sysinfo(&info);
    double gib = 1.0 / (1 << 30);
    snprintf(text, sizeof text, "%ld cores, %.1f GiB of memory, %.1f GiB free",
             sysconf(_SC_NPROCESSORS_ONLN), (double)info.totalram * info.mem_unit * gib,
             (double)(info.freeram + info.bufferram) * info.mem_unit * gib);
    note(doctor, "machine", UR_OK, text);
#if defined(__x86_64__)
    bool fast = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    note(doctor, "instructions", UR_OK,
         fast ? "AVX2 and FMA: the numerics profile is avx2"
              : "no AVX2 or FMA: the numerics profile is portable, and slower");
#endif
}

static void check_folders(struct doctor *doctor)
{
    const char *folders = getenv("UNROLL_DATASETS");
    if (folders == NULL || folders[0] == '\0') {
        note(doctor, "UNROLL_DATASETS", UR_OK, "not set: only the daemon's own data sets");
        return;
    }
    while (*folders != '\0') {
        char folder[1024];
        size_t length = strcspn(folders, ":");
        snprintf(folder, sizeof folder, "%.*s", (int)length, folders);
        if (length > 0)
            note(doctor, "UNROLL_DATASETS", access(folder, R_OK | X_OK) == 0 ? UR_OK : UR_IO,
                 access(folder, R_OK | X_OK) == 0 ? folder : "a folder in it cannot be read");
        folders += length + (folders[length] == ':');
    }
}

static void check_version(struct doctor *doctor, const json_t *system)
{
    const char *version = ur_look_text(system, "version");
    char text[128];
    snprintf(text, sizeof text, "the daemon is %s, this program %s", version, UR_VERSION);
    note(doctor, "version", strcmp(version, UR_VERSION) == 0 ? UR_OK : UR_CONFLICT, text);
}

static void list_datasets(struct doctor *doctor, const json_t *list)
{
    struct ur_text names;
    ur_text_init(&names, 1000);
    const json_t *items = ur_look(list, "items");
    for (size_t i = 0; i < json_array_size(items); i++)
        ur_text_format(&names, "%s%s", i > 0 ? ", " : "",
                       ur_look_text(json_array_get(items, i), "name"));
    note(doctor, "data sets", names.length > 0 ? UR_OK : UR_UNKNOWN_DATASET,
         ur_text_get(&names));
    ur_text_release(&names);
}

static void check_daemon(struct doctor *doctor, struct ur_client *client)
{
    struct ur_error alive = {0}, ready = {0}, error = {0};
    json_t *json = NULL;
    enum ur_status status = ur_client_call(client, "GET", NULL, &alive, "/livez");
    note(doctor, "daemon", status, status == UR_OK ? client->url : alive.detail);
    if (status != UR_OK)
        return;
    status = ur_client_call(client, "GET", NULL, &ready, "/readyz");
    note(doctor, "readiness", status, status == UR_OK ? "it takes jobs" : ready.detail);

    status = ur_client_call(client, "GET", &json, &error, "/v1/system");
    if (status == UR_OK)
        check_version(doctor, json);
    else
        note(doctor, "version", status, error.detail);
    json_decref(json);

    json = NULL;
    status = ur_client_call(client, "GET", &json, &error, "/v1/datasets");
    if (status == UR_OK)
        list_datasets(doctor, json);
    else
        note(doctor, "data sets", status, error.detail);
    json_decref(json);
}

enum ur_status ur_command_doctor(struct ur_cli *cli, struct ur_error *error)
{
    struct doctor doctor = {.cli = cli, .checks = json_array(), .worst = UR_OK};
    check_machine(&doctor);
    check_program(&doctor, "unroll-train");
    check_program(&doctor, "unrolld");
    check_program(&doctor, "unroll-predict");
    check_folders(&doctor);
    check_daemon(&doctor, &cli->client);
    if (cli->json) {
        json_t *all =
            json_pack("{s:b,s:O}", "ok", doctor.worst == UR_OK, "checks", doctor.checks);
        ur_show_json(stdout, all);
        json_decref(all);
    }
    json_decref(doctor.checks);
    if (doctor.worst == UR_OK)
        return UR_OK;
    return ur_fail(error, doctor.worst, "Something is amiss; see above.");
}
