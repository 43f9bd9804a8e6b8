#include "cli/events.h"

#include "unroll/limits.h"

enum { RETRY_MS = 3000, MAX_RETRY_MS = 60000 };

void ur_event_reader_init(struct ur_event_reader *reader,
                          bool (*take)(void *context, const char *name, const char *data),
                          void *context)
{
    *reader = (struct ur_event_reader){.take = take, .context = context, .retry_ms = RETRY_MS};
    ur_text_init(&reader->line, UR_RECORD_MAX_BYTES);
    ur_text_init(&reader->data, UR_RECORD_MAX_BYTES);
}

void ur_event_reader_release(struct ur_event_reader *reader)
{
    if (reader == NULL)
        return;
    ur_text_release(&reader->line);
    ur_text_release(&reader->data);
}

void ur_event_reader_restart(struct ur_event_reader *reader)
{
    ur_text_reset(&reader->line);
    ur_text_reset(&reader->data);
    reader->name[0] = '\0';
    reader->after_cr = false;
    ur_copy(reader->next_id, sizeof reader->next_id, reader->last_id);
}

/* The id counts only once its event is whole: a cut one must come again. */
static bool end_event(struct ur_event_reader *reader)
{
    bool more = true;
    ur_copy(reader->last_id, sizeof reader->last_id, reader->next_id);
    if (reader->data.length > 0) {
        const char *name = reader->name[0] != '\0' ? reader->name : "message";
        more = reader->take(reader->context, name, ur_text_get(&reader->data));
    }
    ur_text_reset(&reader->data);
    reader->name[0] = '\0';
    return more;
}

static void take_field(struct ur_event_reader *reader, const char *key, const char *value)
{
    int64_t ms;
    if (strcmp(key, "data") == 0) {
        if (reader->data.length > 0)
            ur_text_append(&reader->data, "\n", 1);
        ur_text_append(&reader->data, value, strlen(value));
    } else if (strcmp(key, "event") == 0) {
        ur_copy(reader->name, sizeof reader->name, value);
    } else if (strcmp(key, "id") == 0) {
        ur_copy(reader->next_id, sizeof reader->next_id, value);
    } else if (strcmp(key, "retry") == 0 && ur_parse_int64(value, 0, MAX_RETRY_MS, &ms)) {
        reader->retry_ms = ms;
    }
}

static bool end_line(struct ur_event_reader *reader)
{
    const char *line = ur_text_get(&reader->line);
    char key[UR_EVENT_NAME_BYTES];
    bool more = true;
    size_t length = strcspn(line, ":");
    if (line[0] == '\0') {
        more = end_event(reader);
    } else if (length > 0 && length < sizeof key) { /* length 0: a comment */
        memcpy(key, line, length);
        key[length] = '\0';
        const char *value = line + length + (line[length] == ':');
        take_field(reader, key, value + (value[0] == ' '));
    }
    ur_text_reset(&reader->line);
    return more;
}

bool ur_event_reader_feed(struct ur_event_reader *reader, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool second_half = bytes[i] == '\n' && reader->after_cr;
        reader->after_cr = bytes[i] == '\r';
        if (second_half)
            continue;
        if (bytes[i] != '\n' && bytes[i] != '\r')
            ur_text_append(&reader->line, &bytes[i], 1);
        else if (!end_line(reader))
            return false;
        if (reader->line.failed || reader->data.failed) {
            reader->failed = true;
            return false;
        }
    }
    return true;
}
