/* The corpus of fuzz_csv, replayed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../fuzz/fuzz_csv.c"
#include "../../fuzz/replay.h"

static void test_corpus(void **state)
{
    (void)state;
    ur_replay_folder(UR_SOURCE_DIR "/tests/fuzz/corpus/csv", LLVMFuzzerTestOneInput);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
