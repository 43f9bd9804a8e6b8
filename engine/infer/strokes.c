#include "infer/strokes.h"

#include <math.h>

enum {
    MAX_PIECES = 4096, /* past this the picture is a texture; the rest is one piece more */
    LEAST_PIXELS = 4,  /* a digit has more than that */
    SIDE_SHARE = 64,   /* and is at least a sixty-fourth of the picture's longer side */
};

static const float least_threshold = 0.1f * 255.0f; /* JPEG rings up to there */
static const float most_threshold = 0.45f * 255.0f;
static const float noise_reach = 5.0f; /* standard deviations: one pixel in 2 million */
static const float light = 0.05f;      /* of the digit's ink: a speck */
static const float heavy = 0.3f;       /* another digit, kept however far */
static const float near = 0.5f;        /* of the digit's longer side */
static const float instead = 0.2f;     /* of a heavier piece that runs into the border */

struct piece {
    struct ur_box box;
    double ink;
    int32_t pixels;
    bool keep;
};

struct work {
    struct ur_ink *ink;
    int32_t *label; /* [height][width]: 0 paper, k + 1 piece k, -1 ink not yet reached */
    int32_t *stack;
    struct piece *pieces;
    int32_t n_pieces;
};

static bool touches_border(const struct ur_ink *ink, const struct ur_box *box)
{
    return box->left == 0 || box->top == 0 || box->right == ink->width ||
           box->bottom == ink->height;
}

static int32_t longer_side(const struct ur_box *box)
{
    const int32_t width = box->right - box->left, height = box->bottom - box->top;
    return width > height ? width : height;
}

static struct ur_box around(struct ur_box a, struct ur_box b)
{
    return (struct ur_box){a.left < b.left ? a.left : b.left, a.top < b.top ? a.top : b.top,
                           a.right > b.right ? a.right : b.right,
                           a.bottom > b.bottom ? a.bottom : b.bottom};
}

static void mark(const struct work *work)
{
    const struct ur_ink *ink = work->ink;
    const size_t n = (size_t)ink->width * (size_t)ink->height;
    float threshold = noise_reach * ink->noise;
    threshold = threshold < least_threshold ? least_threshold : threshold;
    threshold = threshold > most_threshold ? most_threshold : threshold;
    for (size_t at = 0; at < n; at++)
        work->label[at] = ink->level[at] >= threshold ? -1 : 0;
}

/* Labels all ink that hangs together with pixel `start`. A pixel is labelled when it is pushed,
 * so it is pushed once, and the stack has room for all. */
static void flood(const struct work *work, int32_t start, int32_t label, struct piece *piece)
{
    const int32_t width = work->ink->width, height = work->ink->height;
    int32_t depth = 0;
    work->stack[depth++] = start;
    work->label[start] = label;
    while (depth > 0) {
        const int32_t at = work->stack[--depth], x = at % width, y = at / width;
        const struct ur_box pixel = {x, y, x + 1, y + 1};
        piece->box = piece->pixels == 0 ? pixel : around(piece->box, pixel);
        piece->ink += (double)work->ink->level[at];
        piece->pixels++;
        for (int32_t ny = y > 0 ? y - 1 : 0; ny <= y + 1 && ny < height; ny++)
            for (int32_t nx = x > 0 ? x - 1 : 0; nx <= x + 1 && nx < width; nx++) {
                const int32_t next = ny * width + nx;
                if (work->label[next] != -1)
                    continue;
                work->label[next] = label;
                work->stack[depth++] = next;
            }
    }
}

static void find_pieces(struct work *work)
{
    const int32_t n = work->ink->width * work->ink->height;
    for (int32_t at = 0; at < n && work->n_pieces < MAX_PIECES; at++)
        if (work->label[at] == -1) {
            struct piece *piece = &work->pieces[work->n_pieces++];
            *piece = (struct piece){0};
            flood(work, at, work->n_pieces, piece);
        }
}

/* Gives the heaviest piece; with inside, the heaviest that does not touch the border. */
static struct piece *heaviest(const struct work *work, bool inside)
{
    struct piece *best = NULL;
    for (int32_t k = 0; k < work->n_pieces; k++) {
        struct piece *piece = &work->pieces[k];
        if (inside && touches_border(work->ink, &piece->box))
            continue;
        if (best == NULL || piece->ink > best->ink)
            best = piece;
    }
    return best;
}

/* Gives the pixels between two boxes, along the axis on which they are further apart. */
static int32_t gap(const struct ur_box *a, const struct ur_box *b)
{
    const int32_t x = a->left > b->left ? a->left - b->right : b->left - a->right;
    const int32_t y = a->top > b->top ? a->top - b->bottom : b->top - a->bottom;
    return x > y ? x : y;
}

static bool belongs(const struct work *work, const struct piece *digit,
                    const struct piece *piece)
{
    if (piece == digit)
        return true;
    if (piece->ink < (double)light * digit->ink)
        return false;
    if (touches_border(work->ink, &piece->box) && !touches_border(work->ink, &digit->box))
        return false;
    return piece->ink >= (double)heavy * digit->ink ||
           (float)gap(&piece->box, &digit->box) <= near * (float)longer_side(&digit->box);
}

/* Chooses the pieces of the digit and the box around them. */
static enum ur_status choose(const struct work *work, struct ur_box *box,
                             struct ur_error *error)
{
    const struct ur_ink *ink = work->ink;
    const struct piece *digit = heaviest(work, false);
    const struct piece *whole = heaviest(work, true);
    if (whole != NULL && whole->ink >= (double)instead * digit->ink)
        digit = whole;
    const int32_t side = ink->width > ink->height ? ink->width : ink->height;
    if (digit == NULL || digit->pixels < LEAST_PIXELS ||
        longer_side(&digit->box) * SIDE_SHARE < side)
        return ur_fail(error, UR_NO_DIGIT,
                       "Nothing in the picture is large enough for a digit.");

    *box = digit->box;
    for (int32_t k = 0; k < work->n_pieces; k++) {
        struct piece *piece = &work->pieces[k];
        piece->keep = belongs(work, digit, piece);
        if (piece->keep)
            *box = around(*box, piece->box);
    }
    return UR_OK;
}

static bool kept(const struct work *work, int32_t at)
{
    return work->label[at] > 0 && work->pieces[work->label[at] - 1].keep;
}

/* Pixels below the threshold stay where they are the soft edge of a stroke. */
static bool at_edge(const struct work *work, int32_t x, int32_t y)
{
    const int32_t width = work->ink->width, height = work->ink->height;
    for (int32_t ny = y > 0 ? y - 1 : 0; ny <= y + 1 && ny < height; ny++)
        for (int32_t nx = x > 0 ? x - 1 : 0; nx <= x + 1 && nx < width; nx++)
            if (kept(work, ny * width + nx))
                return true;
    return false;
}

/* Wipes out what is in the box and not the digit's; outside of it nobody looks. */
static void wipe(const struct work *work, const struct ur_box *box)
{
    const int32_t width = work->ink->width;
    for (int32_t y = box->top; y < box->bottom; y++)
        for (int32_t x = box->left; x < box->right; x++) {
            float *level = &work->ink->level[y * width + x];
            if (*level < 0.0f || !(kept(work, y * width + x) || at_edge(work, x, y)))
                *level = 0.0f;
        }
}

enum ur_status ur_strokes_isolate(struct ur_ink *ink, struct ur_box *box,
                                  struct ur_error *error)
{
    const size_t n = (size_t)ink->width * (size_t)ink->height;
    struct work work = {.ink = ink,
                        .label = malloc(n * sizeof(int32_t)),
                        .stack = malloc(n * sizeof(int32_t)),
                        .pieces = malloc(MAX_PIECES * sizeof(struct piece))};
    enum ur_status status = UR_OK;
    if (work.label == NULL || work.stack == NULL || work.pieces == NULL) {
        status = ur_fail(error, UR_NO_MEMORY, "There is no memory for the picture.");
        goto out;
    }
    mark(&work);
    find_pieces(&work);
    status = choose(&work, box, error);
    if (status == UR_OK)
        wipe(&work, box);
out:
    free(work.label);
    free(work.stack);
    free(work.pieces);
    return status;
}
