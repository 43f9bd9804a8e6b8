/*
 * Whether a sanitizer is built in, for the few tests that replace the allocator or limit the
 * address space, which are the sanitizer's own business then.
 */
#ifndef UNROLL_TESTS_SANITIZED_H
#define UNROLL_TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UR_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UR_TEST_SANITIZED 1
#endif
#endif

#ifndef UR_TEST_SANITIZED
#define UR_TEST_SANITIZED 0
#endif

#endif
