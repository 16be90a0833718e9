/* SPDX-License-Identifier: Apache-2.0 */
/* What is used of jansson: to read the state files of container runtimes. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stddef.h>

struct csystem_json;

/* NULL: it is no JSON. Freed by csystem_json_free(); what the others give lives as long. */
struct csystem_json *csystem_json_parse(const char *text, size_t length);
void csystem_json_free(struct csystem_json *json);

/* NULL: there is none. */
struct csystem_json *csystem_json_member(struct csystem_json *object, const char *key);
struct csystem_json *csystem_json_element(struct csystem_json *array, size_t index);
/* Bytes of a string, which may hold a NUL; NULL: it is none. */
const char *csystem_json_text(struct csystem_json *string, size_t *length);

#endif
