/* A file of its own, so that who only counts parameters links no products. */
#include "layers/cell_gru.h"
#include "layers/cell_lstm.h"
#include "layers/recurrent.h"

int32_t ur_recurrent_gates(enum ur_cell cell)
{
    switch (cell) {
    case UR_CELL_RNN:
        return 1;
    case UR_CELL_GRU:
        return UR_GRU_GATES;
    case UR_CELL_LSTM:
        break;
    }
    return UR_LSTM_GATES;
}

int32_t ur_recurrent_units(struct ur_recurrent_shape shape)
{
    return shape.projection > 0 ? shape.projection : shape.hidden;
}

int32_t ur_recurrent_reads(struct ur_recurrent_shape shape)
{
    return shape.reversed && shape.reads_back > 0 ? shape.reads_back : shape.steps;
}

bool ur_recurrent_cut(struct ur_recurrent_shape shape, int32_t n)
{
    /* Where rows have lengths, blocks of a reversed direction lie in time where the forward
     * one's do: counted from the last step, they would move with the padding. */
    const int32_t from = shape.reversed && shape.lengths != NULL ? shape.steps - n : n;
    return shape.truncate > 0 && from % shape.truncate == 0;
}
