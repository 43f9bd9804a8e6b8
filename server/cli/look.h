/*
 * Looking into replies: a JSON document that another program wrote, of which any part may be
 * missing, and whose texts go to a terminal.
 *
 * Format: a path is keys with slashes between, "report/test/accuracy". Errors: what is missing
 * or of another type is "", NaN or NULL. Ownership: everything given is borrowed from the
 * document. Threads: pure functions.
 */
#ifndef UNROLL_SERVER_CLI_LOOK_H
#define UNROLL_SERVER_CLI_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Gives the value at a path. */
const json_t *ur_look(const json_t *json, const char *path);

/* Gives the text at a path, "" without one. It may hold anything: print it by ur_show. */
const char *ur_look_text(const json_t *json, const char *path);

/* Gives the number at a path, NaN without one. */
double ur_look_number(const json_t *json, const char *path);

/* Prints a text with '?' for what would talk to the terminal; at least width columns. */
void ur_show(FILE *file, const char *text, int width);

/* Prints a document as indented "key: value" lines, objects inside indented further. */
void ur_show_lines(FILE *file, const json_t *json, int indent);

/* Prints a document as one line of JSON. */
void ur_show_json(FILE *file, const json_t *json);

#endif
