/* The C interface of the qvl runtime (contract C8).
 *
 *   qvl_model *model;
 *   if (qvl_model_open("model.qvl", NULL, &model) != QVL_OK) fail(qvl_last_error());
 *   qvl_request request;
 *   qvl_request_init(model, &request, sizeof request);
 *   request.messages_json = "[{\"role\": \"user\", \"content\": \"Hello\"}]";
 *   qvl_answer *answer;
 *   if (qvl_generate(model, &request, &answer) != QVL_OK) fail(qvl_last_error());
 *   puts(qvl_answer_text(answer));
 *   qvl_answer_free(answer);
 *   qvl_model_close(model);
 *
 * Structs are plain and begin with their size, so that a newer library knows which fields an older
 * caller has; fill them with their _init function first. Strings are UTF-8. A model may be used by
 * one thread at a time; different models by different threads.
 */
#ifndef QVLRT_QVL_H
#define QVLRT_QVL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The values are the exit codes of the tools. */
typedef enum qvl_status {
  QVL_OK = 0,
  QVL_BAD_INPUT = 1,     /* a file, picture or option is wrong, or a limit was reached */
  QVL_USAGE = 2,         /* a call breaks the rules of this header: null, size, range */
  QVL_INTERNAL = 3,      /* a mistake in qvl: please report it */
  QVL_SYSTEM_FAILED = 4, /* out of memory, disk full, device lost */
  QVL_CANCELLED = 130    /* the callback asked for it */
} qvl_status;

typedef struct qvl_model qvl_model;   /* an artifact bound to a device */
typedef struct qvl_answer qvl_answer; /* a finished answer */

/* Version of the library, "MAJOR.MINOR.PATCH". */
const char *qvl_version(void);

/* One line about the last call of this thread that failed; valid until the next failing call. */
const char *qvl_last_error(void);

typedef struct qvl_model_options {
  size_t size;           /* sizeof(qvl_model_options) */
  int32_t threads;       /* threads that compute; 0: the CPUs this process may use */
  int32_t prefill_chunk; /* prompt tokens of one call */
  int64_t max_context;   /* tokens of prompt and answer; 0: the artifact's maximum */
  uint64_t kv_memory;    /* bytes the KV cache may take; 0: what requests need */
  const char *device;    /* "auto", "cpu", "cuda" or "cuda:N"; null: "auto", which takes a GPU that
                            runs the artifact, else the CPU */
  const char *cuda_driver; /* path of the CUDA driver library; null: the system's */
  int32_t cuda_graphs;     /* whether a GPU replays the work of a token as one graph */
} qvl_model_options;

void qvl_model_options_init(qvl_model_options *options, size_t size);

/* Opens an artifact; `options` may be null. An artifact contains machine code: open only those you
 * trust. On failure *model is null. */
qvl_status qvl_model_open(const char *path, const qvl_model_options *options, qvl_model **model);
void qvl_model_close(qvl_model *model); /* null is fine */

/* Kind of the device that the model runs on: "cpu" or "cuda". Lives as long as the library. */
const char *qvl_model_device(const qvl_model *model);

/* Called with each piece of text, which is whole characters and ends with a null byte; `bytes` does
 * not count that. Nonzero cancels the answer. */
typedef int (*qvl_text_callback)(void *user, const char *text, size_t bytes);

typedef struct qvl_request {
  size_t size;                /* sizeof(qvl_request) */
  const char *messages_json;  /* a list in OpenAI chat form or the reference's own form */
  const char *base_directory; /* what relative paths in it are relative to; null: "." */
  int64_t max_new_tokens;
  int64_t min_pixels, max_pixels; /* of each picture; 0: what its part says, else the model's */
  int32_t allow_special;          /* nonzero accepts the text of special tokens in messages */
  int32_t do_sample;
  float temperature;
  int32_t top_k; /* 0: off */
  double top_p;
  double min_p;
  double repetition_penalty;
  uint64_t seed;
  const char *const *stops; /* stop_count strings that end the answer */
  size_t stop_count;
  qvl_text_callback on_text; /* may be null */
  void *user;                /* first argument of on_text */
} qvl_request;

/* Fills a request with the artifact's generation defaults and max_new_tokens = 256. */
void qvl_request_init(const qvl_model *model, qvl_request *request, size_t size);

/* Answers a request. On failure *answer is null. */
qvl_status qvl_generate(qvl_model *model, const qvl_request *request, qvl_answer **answer);
void qvl_answer_free(qvl_answer *answer); /* null is fine */

/* The text, special tokens dropped; lives as long as the answer. */
const char *qvl_answer_text(const qvl_answer *answer);
/* The ids, an end id included, and their number; live as long as the answer. */
const int64_t *qvl_answer_ids(const qvl_answer *answer, size_t *count);
/* "stop" or "length". */
const char *qvl_answer_finish_reason(const qvl_answer *answer);

/* A box that the answer names: left, top, right, bottom. */
typedef struct qvl_box {
  size_t size;       /* sizeof(qvl_box) */
  const char *label; /* "" without one; lives as long as the answer */
  int64_t media;   /* which picture or video of the request, from 0; -1: there is not exactly one */
  double model[4]; /* as the model wrote it: pixels of the resized picture */
  double picture[4]; /* pixels of the original picture, cut off at its borders; NaN where there is
                        none, or several that were scaled differently */
} qvl_box;

/* How many boxes the answer names. */
size_t qvl_answer_box_count(const qvl_answer *answer);
/* Writes the first `size` bytes of box `index`, which is below the count. */
void qvl_answer_box(const qvl_answer *answer, size_t index, qvl_box *box, size_t size);

/* Numbers about an answer. Times are milliseconds of wall clock. */
typedef struct qvl_metrics {
  size_t size; /* sizeof(qvl_metrics) */
  int64_t prompt_tokens, media_tokens, completion_tokens;
  double load_ms, preprocess_ms, vision_ms, prefill_ms, decode_ms, first_token_ms;
  uint64_t weight_bytes, arena_bytes, kv_bytes;
} qvl_metrics;

/* Writes the first `size` bytes of the metrics. */
void qvl_answer_metrics(const qvl_answer *answer, qvl_metrics *metrics, size_t size);

#ifdef __cplusplus
}
#endif
#endif
