/*
 * The resident predictor's loop: frames in, answers out (unroll/predict.h), until its peer
 * closes the socket.
 *
 * All frames that have arrived are worked off before the answers are written, with one write.
 * An error in a request is an answer, never an end; a frame that breaks the protocol is an end.
 * While answers are being written nothing is read: a peer that writes without reading has
 * itself to thank.
 *
 * Cost: a model of 128 hidden units on 28x28 takes 0.1 ms for raw bytes. Memory: 64 models, one
 * frame, the answers of one turn. Errors: UR_OK when the peer is gone, UR_PROTOCOL, UR_IO,
 * UR_NO_MEMORY where not even an answer fits. Threads: one.
 */
#ifndef UNROLL_INFER_SERVICE_H
#define UNROLL_INFER_SERVICE_H

#include "unroll/predict.h"
#include "unroll/status.h"

/* Says hello on fd and serves it. */
enum ur_status ur_service_run(int fd, const struct ur_predict_hello *hello,
                              struct ur_error *error);

#endif
