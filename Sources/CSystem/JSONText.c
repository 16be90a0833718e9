/* SPDX-License-Identifier: Apache-2.0 */
#include "JSONText.h"
#include <jansson.h>

static json_t *json_of(struct csystem_json *json)
{
	return (json_t *)json;
}

struct csystem_json *csystem_json_parse(const char *text, size_t length)
{
	/* Numbers are not read, and one of them may be too large: an unlimited resource. */
	return (void *)json_loadb(text, length,
				  JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
}

void csystem_json_free(struct csystem_json *json)
{
	json_decref(json_of(json));
}

struct csystem_json *csystem_json_member(struct csystem_json *object, const char *key)
{
	return (void *)json_object_get(json_of(object), key);
}

struct csystem_json *csystem_json_element(struct csystem_json *array, size_t index)
{
	return (void *)json_array_get(json_of(array), index);
}

const char *csystem_json_text(struct csystem_json *string, size_t *length)
{
	*length = json_string_length(json_of(string));
	return json_string_value(json_of(string));
}
