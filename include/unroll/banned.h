/*
 * Turns calls that have bitten everybody into compile errors. Force-included into every C file
 * of ours (-include), after the system headers it needs.
 */
#ifndef UNROLL_BANNED_H
#define UNROLL_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef gets
#undef atoi
#undef atof
#undef atol
#undef strtok
#undef rand
#undef srand
#undef ctime
#undef gmtime
#undef localtime
#define strcpy(...)    use_ur_copy_instead
#define strcat(...)    use_ur_text_append_instead
#define strncpy(...)   use_ur_copy_instead
#define strncat(...)   use_ur_text_append_instead
#define sprintf(...)   use_snprintf_instead
#define vsprintf(...)  use_vsnprintf_instead
#define gets(...)      use_fgets_instead
#define atoi(...)      use_ur_parse_int64_instead
#define atof(...)      use_strtod_instead
#define atol(...)      use_ur_parse_int64_instead
#define strtok(...)    use_strtok_r_instead
#define rand(...)      use_ur_rng_instead
#define srand(...)     use_ur_rng_instead
#define ctime(...)     use_ur_clock_format_instead
#define gmtime(...)    use_gmtime_r_instead
#define localtime(...) use_gmtime_r_instead

#endif
