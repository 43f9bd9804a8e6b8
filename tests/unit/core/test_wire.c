/* Little-endian numbers and frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unroll/frame.h"
#include "unroll/wire.h"

static void test_numbers_are_little_endian(void **state)
{
    (void)state;
    unsigned char buffer[64];
    struct ur_writer writer = ur_writer_of(buffer, sizeof buffer);
    ur_write_u8(&writer, 0x01);
    ur_write_u16(&writer, 0x0203);
    ur_write_u32(&writer, 0x04050607);
    ur_write_u64(&writer, 0x08090a0b0c0d0e0f);
    ur_write_f32(&writer, 1.0f);
    ur_write_f64(&writer, -2.0);
    ur_write_string(&writer, "hi");
    assert_false(writer.failed);
    static const unsigned char expected[] = {
        1,    3,    2, 7, 6, 5, 4, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 9, 8,   0,  0,
        0x80, 0x3f, 0, 0, 0, 0, 0, 0,    0,    0xc0, 2,    0,    0,    0, 'h', 'i'};
    assert_int_equal(writer.used, sizeof expected);
    assert_memory_equal(buffer, expected, sizeof expected);

    struct ur_reader reader = ur_reader_of(buffer, writer.used);
    char text[3];
    assert_int_equal(ur_read_u8(&reader), 1);
    assert_int_equal(ur_read_u16(&reader), 0x0203);
    assert_int_equal(ur_read_u32(&reader), 0x04050607);
    assert_true(ur_read_u64(&reader) == 0x08090a0b0c0d0e0f);
    assert_true(ur_read_f32(&reader) == 1.0f);
    assert_true(ur_read_f64(&reader) == -2.0);
    assert_false(ur_reader_done(&reader));
    ur_read_string(&reader, text, sizeof text);
    assert_string_equal(text, "hi");
    assert_true(ur_reader_done(&reader));
}

static void test_reader_never_passes_its_end(void **state)
{
    (void)state;
    static const unsigned char bytes[] = {1, 2, 3};
    unsigned char out[4] = {9, 9, 9, 9};
    struct ur_reader reader = ur_reader_of(bytes, sizeof bytes);
    assert_int_equal(ur_read_u32(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(ur_read_u8(&reader), 0); /* a failure stays, even for what would fit */
    assert_null(ur_read_view(&reader, 0));
    ur_read_bytes(&reader, out, sizeof out);
    assert_memory_equal(out, "\0\0\0\0", 4);
    assert_false(ur_reader_done(&reader));

    reader = ur_reader_of(NULL, 0);
    assert_true(ur_reader_done(&reader));
    assert_null(ur_read_view(&reader, SIZE_MAX));
    assert_true(reader.failed);
}

static void test_strings_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        bool good;
    } cases[] = {
        {"\3\0\0\0abc", 7, true},   {"\0\0\0\0", 4, true},
        {"\4\0\0\0abcd", 8, false}, /* does not fit with its NUL */
        {"\3\0\0\0ab", 6, false},   {"\3\0\0\0a\0c", 7, false},
        {"\3\0\0", 3, false},       {"\xff\xff\xff\xff", 4, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[4] = "zzz";
        struct ur_reader reader = ur_reader_of(cases[i].bytes, cases[i].count);
        ur_read_string(&reader, out, sizeof out);
        assert_int_equal(ur_reader_done(&reader), cases[i].good);
        if (!cases[i].good)
            assert_string_equal(out, "");
    }
}

static void test_writer_stops_at_its_end(void **state)
{
    (void)state;
    unsigned char buffer[4] = {7, 7, 7, 7};
    struct ur_writer writer = ur_writer_of(buffer, 3);
    ur_write_u16(&writer, 0);
    ur_write_u16(&writer, 0);
    assert_true(writer.failed);
    ur_write_u8(&writer, 0); /* would fit, but the message is lost already */
    assert_int_equal(writer.used, 2);
    assert_int_equal(buffer[2], 7);
    assert_int_equal(buffer[3], 7);
}

struct link {
    int near, far;
    struct ur_frame_reader reader;
};

static void open_link(struct link *link, size_t maximum)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    link->near = pair[0];
    link->far = pair[1];
    fcntl(link->near, F_SETFL, O_NONBLOCK);
    ur_frame_reader_init(&link->reader, maximum);
}

static void close_link(struct link *link)
{
    ur_frame_reader_release(&link->reader);
    close(link->near);
    if (link->far >= 0)
        close(link->far);
}

static void fill(struct link *link, bool want_eof)
{
    bool eof;
    assert_int_equal(ur_frame_fill(&link->reader, link->near, &eof, NULL), UR_OK);
    assert_int_equal(eof, want_eof);
}

static bool next(struct link *link, struct ur_frame *frame)
{
    bool have;
    assert_int_equal(ur_frame_next(&link->reader, frame, &have, NULL), UR_OK);
    return have;
}

static void test_frames_byte_by_byte(void **state)
{
    (void)state;
    struct link link;
    open_link(&link, 16);
    struct ur_frame frame;
    static const char bytes[] = "\3\0\0\0\1\2\0\0abc\0\0\0\0\7\0\0\0";
    const size_t count = sizeof bytes - 1;
    fill(&link, false); /* nothing there yet is no error */
    assert_false(next(&link, &frame));

    int frames = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(write(link.far, &bytes[i], 1), 1);
        fill(&link, false);
        bool have = next(&link, &frame);
        assert_int_equal(have, i == 10 || i == count - 1);
        if (have && frames++ == 0) {
            assert_int_equal(frame.type, 0x0201);
            assert_int_equal(frame.bytes, 3);
            assert_memory_equal(frame.payload, "abc", 3);
        }
    }
    assert_int_equal(frames, 2);
    assert_int_equal(frame.type, 7);
    assert_int_equal(frame.bytes, 0);
    close(link.far);
    link.far = -1;
    fill(&link, true);
    close_link(&link);
}

static void assert_broken(struct link *link)
{
    struct ur_error error = {0};
    struct ur_frame frame;
    bool have = true, eof;
    assert_int_equal(ur_frame_next(&link->reader, &frame, &have, &error), UR_PROTOCOL);
    assert_false(have);
    assert_int_equal(ur_frame_fill(&link->reader, link->near, &eof, &error), UR_PROTOCOL);
    assert_int_equal(ur_frame_next(&link->reader, &frame, &have, &error), UR_PROTOCOL);
}

static void test_broken_peers(void **state)
{
    (void)state;
    static const char *const headers[] = {"\x11\0\0\0\1\0\0\0", "\xff\xff\xff\xff\1\0\0\0",
                                          "\0\0\0\0\1\0\1\0", "\0\0\0\0\1\0\0\x80"};
    for (size_t i = 0; i < 4; i++) {
        struct link link;
        open_link(&link, 16);
        assert_int_equal(write(link.far, headers[i], 8), 8);
        fill(&link, false);
        assert_broken(&link);
        assert_true(link.reader.capacity <= 16 + UR_FRAME_HEADER_BYTES);
        close_link(&link);
    }
}

/* A claim of many bytes takes no memory; the bytes do. */
static void test_buffer_grows_with_what_came(void **state)
{
    (void)state;
    struct link link;
    open_link(&link, 64 << 20);
    unsigned char header[UR_FRAME_HEADER_BYTES];
    ur_frame_header(header, 1, 64 << 20);
    assert_int_equal(write(link.far, header, sizeof header), sizeof header);
    fill(&link, false);
    struct ur_frame frame;
    assert_false(next(&link, &frame));
    assert_true(link.reader.capacity <= 8192);
    close_link(&link);
}

static void *send_frames(void *context)
{
    struct link *link = context;
    static unsigned char payload[100000];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (unsigned char)(i * 7);
    fcntl(link->far, F_SETFL, O_NONBLOCK); /* a full socket must be waited for, not given up */
    for (uint16_t i = 0; i < 40; i++)
        if (ur_frame_send(link->far, i, payload, sizeof payload - i, NULL) != UR_OK)
            return link;
    shutdown(link->far, SHUT_WR);
    return NULL;
}

static void test_many_large_frames(void **state)
{
    (void)state;
    struct link link;
    open_link(&link, 100000);
    fcntl(link.near, F_SETFL, 0);
    pthread_t sender;
    assert_int_equal(pthread_create(&sender, NULL, send_frames, &link), 0);
    uint16_t frames = 0;
    for (bool eof = false; !eof;) {
        struct ur_frame frame;
        while (next(&link, &frame)) {
            assert_int_equal(frame.type, frames);
            assert_int_equal(frame.bytes, 100000 - frames);
            for (size_t i = 0; i < frame.bytes; i += 997)
                assert_int_equal(frame.payload[i], (unsigned char)(i * 7));
            frames++;
        }
        assert_int_equal(ur_frame_fill(&link.reader, link.near, &eof, NULL), UR_OK);
    }
    void *failed;
    pthread_join(sender, &failed);
    assert_null(failed);
    assert_int_equal(frames, 40);
    close_link(&link);
}

static void test_a_peer_that_is_gone(void **state)
{
    (void)state;
    struct link link;
    struct ur_error error = {0};
    open_link(&link, 16);
    assert_int_equal(ur_frame_send(link.near, 1, "unread", 6, &error), UR_OK);
    close(link.far); /* with our bytes unread: the next read says ECONNRESET */
    link.far = -1;
    fill(&link, true);
    assert_int_equal(ur_frame_send(link.near, 1, "x", 1, &error), UR_IO);
    assert_non_null(strstr(error.detail, strerror(EPIPE)));
    close_link(&link);

    bool eof;
    struct ur_error no_fd = {0};
    ur_frame_reader_init(&link.reader, 16);
    assert_int_equal(ur_frame_fill(&link.reader, -1, &eof, &no_fd), UR_IO);
    ur_frame_reader_release(&link.reader);
    ur_frame_reader_release(NULL);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_little_endian),
        cmocka_unit_test(test_reader_never_passes_its_end),
        cmocka_unit_test(test_strings_are_checked),
        cmocka_unit_test(test_writer_stops_at_its_end),
        cmocka_unit_test(test_frames_byte_by_byte),
        cmocka_unit_test(test_broken_peers),
        cmocka_unit_test(test_buffer_grows_with_what_came),
        cmocka_unit_test(test_many_large_frames),
        cmocka_unit_test(test_a_peer_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
