/* Generations of checkpoint files on disk, with every call on the way failing in turn. */
#include "folder.h"
#include "small_network.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * This program's own fsync and rename take the place of the C library's. Calls are numbered
 * from 1 in the order in which they come; number fail_at fails with fail_with, and after number
 * die_at the process is gone as after kill -9.
 */
static int calls, fail_at, fail_with, die_at;
static bool no_exchange;

static bool now_fails(void)
{
    calls++;
    if (die_at && calls > die_at)
        _exit(9);
    if (calls != fail_at)
        return false;
    errno = fail_with;
    return true;
}

int fsync(int fd)
{
    return now_fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return now_fails() ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0u);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    if (no_exchange) {
        errno = EINVAL;
        return -1;
    }
    return now_fails() ? -1
                       : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

static void no_faults(void)
{
    calls = fail_at = die_at = 0;
    no_exchange = false;
}

static struct small_network small;

static enum ur_status write_version(const struct ur_test_folder *folder, int32_t version)
{
    struct ur_error error = {.status = UR_OK};
    small_network_make(&small, UR_FILE_CHECKPOINT, version);
    const enum ur_status status = small_network_write(&small, folder->path, true, &error);
    assert_int_equal(status, error.status);
    return status;
}

/* Gives the version that is found, -1 for none, and whether it is the older generation. */
static int32_t newest(const struct ur_test_folder *folder, bool *fell_back)
{
    struct ur_checkpoint_file file;
    if (ur_checkpoint_open_newest(&file, folder->path, "last.unroll", fell_back, NULL) != UR_OK)
        return -1;
    const int32_t version = file.info.step;
    ur_checkpoint_close(&file);
    return version;
}

static bool there(const struct ur_test_folder *folder, const char *name)
{
    char path[UR_TEST_PATH_BYTES];
    return access(ur_test_path(folder, name, path), F_OK) == 0;
}

static void damage(const struct ur_test_folder *folder, const char *name)
{
    char path[UR_TEST_PATH_BYTES];
    size_t count;
    unsigned char *bytes = ur_test_read(ur_test_path(folder, name, path), &count);
    bytes[count / 2] ^= 0x10;
    ur_test_write(path, bytes, count);
    free(bytes);
}

/* A file of gigabytes that is none of ours costs 64 bytes: it is refused for what it is and not
 * for memory that there is not. */
static void test_a_huge_foreign_file_is_not_read(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_checkpoint_file file;
    struct ur_error error = {0};
    char path[UR_TEST_PATH_BYTES];
    no_faults();
    ur_test_path(&folder, "last.unroll", path);
    ur_test_write(path, "", 0);
    assert_int_equal(truncate(path, (off_t)15 << 30), 0);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.unroll", &error),
                     UR_BAD_CHECKPOINT);
    assert_non_null(strstr(error.detail, "does not begin with"));
    assert_int_equal(write_version(&folder, 1), UR_OK);
    ur_test_path(&folder, "last.unroll", path);
    assert_int_equal(truncate(path, (off_t)15 << 30), 0);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.unroll", &error),
                     UR_BAD_CHECKPOINT);
    ur_test_folder_remove(&folder);
}

static void test_two_generations(void **state)
{
    (void)state;
    for (int exchange = 0; exchange < 2; exchange++) {
        const struct ur_test_folder folder = ur_test_folder_make();
        struct ur_checkpoint_file file;
        bool fell_back;
        no_faults();
        no_exchange = exchange == 0;
        assert_int_equal(newest(&folder, &fell_back), -1);
        for (int32_t version = 1; version <= 3; version++) {
            assert_int_equal(write_version(&folder, version), UR_OK);
            assert_int_equal(newest(&folder, &fell_back), version);
            assert_false(fell_back);
            assert_false(there(&folder, "last.unroll.tmp"));
        }
        assert_int_equal(ur_checkpoint_open(&file, folder.path, "last.unroll.previous", NULL),
                         UR_OK);
        assert_int_equal(file.info.step, 2);
        ur_checkpoint_close(&file);

        damage(&folder, "last.unroll");
        assert_int_equal(newest(&folder, &fell_back), 2);
        assert_true(fell_back);
        damage(&folder, "last.unroll.previous");
        assert_int_equal(
            ur_checkpoint_open_newest(&file, folder.path, "last.unroll", &fell_back, NULL),
            UR_BAD_CHECKPOINT);
        ur_test_folder_remove(&folder);
    }
    no_faults();
}

static void test_without_previous(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_error error = {.status = UR_OK};
    small_network_make(&small, UR_FILE_MODEL, 4);
    assert_int_equal(small_network_write(&small, folder.path, false, &error), UR_OK);
    assert_int_equal(small_network_write(&small, folder.path, false, &error), UR_OK);
    assert_false(there(&folder, "last.unroll.previous"));
    ur_test_folder_remove(&folder);
}

static void test_what_is_not_there(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct ur_checkpoint_file file;
    bool fell_back;
    char path[UR_TEST_PATH_BYTES];
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "none", NULL), UR_NOT_FOUND);
    assert_int_equal(ur_checkpoint_open(&file, "/does/not/exist", "none", NULL), UR_NOT_FOUND);
    assert_int_equal(ur_checkpoint_open_newest(&file, folder.path, "none", &fell_back, NULL),
                     UR_NOT_FOUND);
    mkdir(ur_test_path(&folder, "folder", path), 0700);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "folder", NULL), UR_BAD_CHECKPOINT);
    ur_test_write(ur_test_path(&folder, "empty", path), "", 0);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "empty", NULL), UR_BAD_CHECKPOINT);
    mkfifo(ur_test_path(&folder, "pipe", path), 0600);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "pipe", NULL), UR_BAD_CHECKPOINT);
    assert_int_equal(symlink("empty", ur_test_path(&folder, "link", path)), 0);
    assert_int_equal(ur_checkpoint_open(&file, folder.path, "link", NULL), UR_IO);
    ur_test_folder_remove(&folder);
}

/* Whatever call fails, a whole generation is there, and no temporary file. */
static void test_every_call_fails_in_turn(void **state)
{
    (void)state;
    for (int exchange = 0; exchange < 2; exchange++)
        for (int turn = 1; turn <= 4; turn++) {
            const struct ur_test_folder folder = ur_test_folder_make();
            bool fell_back;
            no_faults();
            assert_int_equal(write_version(&folder, 1), UR_OK);
            assert_int_equal(write_version(&folder, 2), UR_OK);
            no_exchange = exchange == 0;
            calls = 0;
            fail_at = turn;
            fail_with = turn == 1 ? ENOSPC : EIO;
            assert_int_equal(write_version(&folder, 3), turn == 1 ? UR_DISK_FULL : UR_IO);
            assert_int_equal(calls, turn); /* nothing is tried after a failure */
            no_faults();
            assert_false(there(&folder, "last.unroll.tmp"));
            const int32_t version = newest(&folder, &fell_back);
            assert_true(version == 2 || (turn > 2 && version == 3));
            assert_int_equal(write_version(&folder, 4), UR_OK); /* and it goes on from there */
            assert_int_equal(newest(&folder, &fell_back), 4);
            ur_test_folder_remove(&folder);
        }
}

/* Killed after any call: a whole generation is there, even where the newest was damaged before
 * and the run goes on from the previous one. */
static void test_killed_after_every_call(void **state)
{
    (void)state;
    for (int damaged = 0; damaged < 2; damaged++)
        for (int turn = 0; turn <= 4; turn++) {
            const struct ur_test_folder folder = ur_test_folder_make();
            bool fell_back;
            no_faults();
            assert_int_equal(write_version(&folder, 1), UR_OK);
            assert_int_equal(write_version(&folder, 2), UR_OK);
            if (damaged)
                damage(&folder, "last.unroll");
            const pid_t child = fork();
            if (child == 0) {
                calls = 0;
                die_at = turn ? turn : -1;
                write_version(&folder, 3);
                _exit(0);
            }
            siginfo_t end;
            assert_int_equal(waitid(P_PID, (id_t)child, &end, WEXITED), 0);
            assert_int_equal(end.si_status, turn < 4 ? 9 : 0);
            const int32_t version = newest(&folder, &fell_back);
            assert_int_equal(version, turn >= 2 ? 3 : damaged ? 1 : 2);
            assert_int_equal(write_version(&folder, 4), UR_OK);
            assert_int_equal(newest(&folder, &fell_back), 4);
            assert_false(there(&folder, "last.unroll.tmp"));
            ur_test_folder_remove(&folder);
        }
}

/* A file that may not grow: the write comes back short, then fails. */
static void test_disk_full(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    struct rlimit before, limit;
    bool fell_back;
    no_faults();
    assert_int_equal(write_version(&folder, 1), UR_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = before;
    limit.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const enum ur_status status = write_version(&folder, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, UR_IO);
    assert_int_equal(newest(&folder, &fell_back), 1);
    assert_false(fell_back);
    assert_false(there(&folder, "last.unroll.tmp"));
    ur_test_folder_remove(&folder);
}

static void test_folder_that_is_no_place(void **state)
{
    (void)state;
    const struct ur_test_folder folder = ur_test_folder_make();
    char path[UR_TEST_PATH_BYTES];
    struct ur_error error = {.status = UR_OK};
    no_faults();
    small_network_make(&small, UR_FILE_CHECKPOINT, 1);
    ur_test_path(&folder, "missing", path);
    assert_int_equal(small_network_write(&small, path, true, &error), UR_IO);
    /* A folder in the way of the temporary file stands for any that cannot be written to: root,
     * who may run this test, can write to a read-only one. */
    mkdir(ur_test_path(&folder, "last.unroll.tmp", path), 0700);
    error = (struct ur_error){.status = UR_OK};
    assert_int_equal(small_network_write(&small, folder.path, true, &error), UR_IO);
    assert_false(there(&folder, "last.unroll"));
    ur_test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_huge_foreign_file_is_not_read),
        cmocka_unit_test(test_two_generations),
        cmocka_unit_test(test_without_previous),
        cmocka_unit_test(test_what_is_not_there),
        cmocka_unit_test(test_every_call_fails_in_turn),
        cmocka_unit_test(test_killed_after_every_call),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_folder_that_is_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
