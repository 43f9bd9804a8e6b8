/* Limits of control groups, over folders that look like the kernel's. */
#include "folder.h"

#include "train/memory.h"

/* The folders of two mounts: version 2 in itself, version 1 under memory. */
static void make(const struct ur_test_folder *mount, const char *name)
{
    char path[UR_TEST_PATH_BYTES];
    assert_int_equal(mkdir(ur_test_path(mount, name, path), 0700), 0);
}

static void put(const struct ur_test_folder *mount, const char *name, const char *text)
{
    char path[UR_TEST_PATH_BYTES];
    ur_test_write(ur_test_path(mount, name, path), text, strlen(text));
}

static size_t left(const struct ur_test_folder *mount)
{
    char list[UR_TEST_PATH_BYTES];
    return ur_memory_groups_left(ur_test_path(mount, "list", list), mount->path);
}

static void test_the_narrowest_group_of_version_2_counts(void **state)
{
    (void)state;
    const struct ur_test_folder mount = ur_test_folder_make();
    assert_int_equal(left(&mount), SIZE_MAX); /* no list */
    put(&mount, "list", "0::/a/b\n");
    assert_int_equal(left(&mount), SIZE_MAX); /* groups that cannot be seen */
    make(&mount, "a");
    make(&mount, "a/b");
    put(&mount, "a/b/memory.max", "max\n");
    put(&mount, "a/b/memory.current", "700\n");
    assert_int_equal(left(&mount), SIZE_MAX);
    put(&mount, "a/memory.max", "1000\n");
    put(&mount, "a/memory.current", "900\n");
    assert_int_equal(left(&mount), 100); /* the limit of a group above holds too */
    put(&mount, "a/memory.stat", "anon 5\nfile 500\nactive_file 30\ninactive_file 40\n");
    assert_int_equal(left(&mount), 170); /* page cache is given back */
    put(&mount, "a/b/memory.max", "710\n");
    assert_int_equal(left(&mount), 10);
    put(&mount, "a/b/memory.current", "720\n");
    assert_int_equal(left(&mount), 0);
    ur_test_folder_remove(&mount);
}

static void test_version_1_is_under_its_controller(void **state)
{
    (void)state;
    const struct ur_test_folder mount = ur_test_folder_make();
    put(&mount, "list", "9:cpu,cpuacct:/x\n8:memory:/x\nnothing\n");
    make(&mount, "memory");
    make(&mount, "memory/x");
    put(&mount, "memory/memory.limit_in_bytes", "9223372036854771712\n");
    put(&mount, "memory/memory.usage_in_bytes", "5\n");
    put(&mount, "memory/x/memory.limit_in_bytes", "5000\n");
    put(&mount, "memory/x/memory.usage_in_bytes", "2000\n");
    assert_int_equal(left(&mount), 3000);
    ur_test_folder_remove(&mount);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_narrowest_group_of_version_2_counts),
        cmocka_unit_test(test_version_1_is_under_its_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
