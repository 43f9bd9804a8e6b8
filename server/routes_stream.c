/*
 * Server-sent events. A stream is opened on the pool (replaying may read the store) and then
 * read by the poll thread in blocks of a kilobyte; with nothing to read its connection is
 * suspended, and the hub's wake resumes it.
 *
 * The story that must not happen: the poll thread finds nothing to read; the hub publishes and
 * wakes a connection that is not suspended yet; the poll thread suspends it, for ever. So a
 * wake leaves a mark under the mutex, and whoever is about to suspend looks for it first. And a
 * connection is resumed by whoever takes the mark `suspended` away, so exactly once.
 */
#include <microhttpd.h>
#include <pthread.h>

#include "config.h"
#include "http.h"
#include "hub.h"
#include "routes.h"
#include "supervisor.h"

enum {
    BLOCK_BYTES = 1024, /* of a stream's buffer: there may be ten thousand */
    MAX_JOBS = 100,     /* named in one stream */
};

struct ur_stream {
    struct ur_http *http;
    struct MHD_Connection *connection;
    struct ur_watcher *watcher;
    pthread_mutex_t mutex;
    bool woken;     /* something came since the last read began */
    bool suspended; /* the connection sleeps until a wake */
};

void ur_stream_close(struct ur_stream *stream)
{
    if (stream == NULL)
        return;
    ur_watcher_close(stream->watcher);
    pthread_mutex_destroy(&stream->mutex);
    free(stream);
}

static void close_stream(void *context)
{
    ur_stream_close(context);
}

/* Called by the hub, from any thread. */
static void wake(void *context)
{
    struct ur_stream *stream = context;
    pthread_mutex_lock(&stream->mutex);
    stream->woken = true;
    bool resume = stream->suspended;
    stream->suspended = false;
    if (resume) {
        MHD_resume_connection(stream->connection);
        ur_http_suspend_end(stream->http);
    }
    pthread_mutex_unlock(&stream->mutex);
}

static ssize_t read_stream(void *context, uint64_t position, char *out, size_t size)
{
    (void)position;
    struct ur_stream *stream = context;
    for (;;) {
        pthread_mutex_lock(&stream->mutex);
        stream->woken = false;
        pthread_mutex_unlock(&stream->mutex);

        ptrdiff_t count = ur_watcher_read(stream->watcher, out, size);
        if (count != 0)
            return count > 0 ? count : MHD_CONTENT_READER_END_OF_STREAM;

        pthread_mutex_lock(&stream->mutex);
        bool again = stream->woken;
        bool sleeps = !again && ur_http_suspend_begin(stream->http);
        if (sleeps) {
            stream->suspended = true;
            MHD_suspend_connection(stream->connection);
        }
        pthread_mutex_unlock(&stream->mutex);
        if (!again)
            return sleeps ? 0 : MHD_CONTENT_READER_END_OF_STREAM;
    }
}

struct MHD_Response *ur_stream_response(struct ur_stream *stream)
{
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, close_stream);
    if (response == NULL)
        ur_stream_close(stream);
    return response;
}

static void stream_headers(struct ur_reply *reply)
{
    reply->type = "text/event-stream";
    reply->cache = "no-cache, no-transform";
    ur_reply_header(reply, "X-Accel-Buffering", "no");
}

/* Opens the watcher of some jobs (NULL: all) and makes it the reply. */
static enum ur_status open_stream(const struct ur_request *request, const char *const *jobs,
                                  int32_t n_jobs, struct ur_reply *reply,
                                  struct ur_error *error)
{
    const char *last = ur_request_header(request, "Last-Event-ID");
    if (last == NULL || last[0] == '\0')
        last = ur_request_query(request, "last_event_id");
    struct ur_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for a stream.");
    stream->http = request->http;
    stream->connection = request->connection;
    pthread_mutex_init(&stream->mutex, NULL);

    struct ur_watch_request watch = {
        .jobs = jobs, .n_jobs = n_jobs, .last_event_id = last, .wake = wake, .context = stream};
    bool ended = false;
    enum ur_status status =
        ur_watcher_open(&stream->watcher, request->server->hub, &watch, &ended, error);
    if (status != UR_OK || ended) {
        pthread_mutex_destroy(&stream->mutex);
        if (stream->watcher != NULL)
            ur_watcher_close(stream->watcher);
        free(stream);
        if (status == UR_OK) { /* tells an EventSource not to come back */
            reply->status = MHD_HTTP_NO_CONTENT;
            reply->type = NULL;
        }
        return status;
    }
    stream_headers(reply);
    reply->stream = stream;
    return UR_OK;
}

enum ur_status ur_route_job_events(const struct ur_request *request, struct ur_reply *reply,
                                   struct ur_error *error)
{
    const char *jobs[] = {request->params[0]};
    if (!ur_request_is_head(request))
        return open_stream(request, jobs, 1, reply, error);
    enum ur_status status =
        ur_supervisor_job(request->server->supervisor, jobs[0], &reply->text, error);
    ur_text_reset(&reply->text);
    stream_headers(reply);
    return status;
}

static bool is_among(const char *const *names, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

enum ur_status ur_route_events(const struct ur_request *request, struct ur_reply *reply,
                               struct ur_error *error)
{
    if (ur_request_is_head(request)) {
        stream_headers(reply);
        return UR_OK;
    }
    const char *list = ur_request_query(request, "jobs");
    if (list == NULL || list[0] == '\0')
        return open_stream(request, NULL, 0, reply, error);

    char names[MAX_JOBS][UR_JOB_ID_BYTES];
    const char *jobs[MAX_JOBS];
    int32_t count = 0; /* of different ids: each is followed, and ends, once */
    for (const char *at = list; *at != '\0';) {
        size_t span = strcspn(at, ",");
        if (count == MAX_JOBS)
            return ur_fail(error, UR_BAD_REQUEST, "At most %d jobs can be named.", MAX_JOBS);
        if (span == 0 || span >= UR_JOB_ID_BYTES)
            return ur_fail(error, UR_BAD_REQUEST,
                           "The parameter \"jobs\" must be ids separated by commas.");
        memcpy(names[count], at, span);
        names[count][span] = '\0';
        jobs[count] = names[count];
        count += !is_among(jobs, count, names[count]);
        at += span + (at[span] == ',');
    }
    return open_stream(request, jobs, count, reply, error);
}
