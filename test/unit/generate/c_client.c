/* A C program that uses the C interface; it answers one question.
 *
 *   c_client FILE.qvl MESSAGES_JSON [MAX_NEW_TOKENS]
 *
 * Without arguments it only makes the calls that need no artifact and checks how they fail. */
#include "qvlrt/qvl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

static void expect(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "failed: %s (last error: %s)\n", what, qvl_last_error());
  ++failures;
}

static void check_misuse(void) {
  qvl_model *model = (qvl_model *)1;
  qvl_answer *answer = (qvl_answer *)1;
  qvl_model_options options;
  expect(qvl_model_open("/no/such/file.qvl", NULL, &model) == QVL_BAD_INPUT, "a missing file");
  expect(model == NULL, "the handle of a failed open is null");
  expect(strstr(qvl_last_error(), "/no/such/file.qvl") != NULL, "the error names the file");
  expect(qvl_model_open(NULL, NULL, &model) == QVL_USAGE, "a null path");
  expect(qvl_model_open("x", NULL, NULL) == QVL_USAGE, "a null result");
  memset(&options, 0, sizeof options);
  expect(qvl_model_open("x", &options, &model) == QVL_USAGE, "options without a size");
  expect(qvl_generate(NULL, NULL, &answer) == QVL_USAGE && answer == NULL, "a null model");
  qvl_model_options_init(&options, sizeof options);
  expect(options.size == sizeof options && options.prefill_chunk == 512, "default options");
  qvl_model_options_init(&options, sizeof options.size);
  expect(options.size == sizeof options.size, "options of an older caller");
  expect(strlen(qvl_version()) > 0, "the version");
  qvl_model_close(NULL);
  qvl_answer_free(NULL);
}

struct text {
  char bytes[65536];
  size_t size;
};

static int append(void *user, const char *piece, size_t bytes) {
  struct text *text = user;
  expect(strlen(piece) == bytes, "a piece ends with a null byte");
  if (text->size + bytes >= sizeof text->bytes)
    return 1;
  memcpy(text->bytes + text->size, piece, bytes + 1);
  text->size += bytes;
  return 0;
}

static int cancel(void *user, const char *piece, size_t bytes) {
  (void)user, (void)piece, (void)bytes;
  return 1;
}

static void print_boxes(const qvl_answer *answer) {
  qvl_box box;
  for (size_t i = 0; i < qvl_answer_box_count(answer); ++i) {
    qvl_answer_box(answer, i, &box, sizeof box);
    expect(box.size == sizeof box && box.label != NULL, "a box");
    printf("box %s in %lld: %.17g %.17g %.17g %.17g\n", box.label, (long long)box.media,
           box.picture[0], box.picture[1], box.picture[2], box.picture[3]);
    qvl_answer_box(answer, i, &box, offsetof(qvl_box, media));
    expect(box.size == offsetof(qvl_box, media), "a box of an older caller");
  }
}

static void answer_question(const char *path, const char *messages, long max_new_tokens) {
  static struct text text;
  const char *no_stop = NULL;
  qvl_model *model = NULL;
  qvl_answer *answer = NULL;
  qvl_request request;
  qvl_metrics metrics;
  size_t count = 0;
  expect(qvl_model_open(path, NULL, &model) == QVL_OK, "opening the artifact");
  if (!model)
    return;
  qvl_request_init(model, &request, sizeof request);
  expect(qvl_generate(model, &request, &answer) == QVL_USAGE, "a request without messages");
  request.messages_json = messages;
  request.stop_count = 1;
  request.stops = &no_stop;
  expect(qvl_generate(model, &request, &answer) == QVL_USAGE, "a null stop string");
  request.stop_count = 0;
  request.max_new_tokens = max_new_tokens;
  request.do_sample = 0;
  request.on_text = append;
  request.user = &text;
  expect(qvl_generate(model, &request, &answer) == QVL_OK, "answering");
  if (answer) {
    printf("%s\n", qvl_answer_text(answer));
    expect(strcmp(qvl_answer_text(answer), text.bytes) == 0, "the pieces add up to the text");
    qvl_answer_metrics(answer, &metrics, sizeof metrics);
    expect(qvl_answer_ids(answer, &count) != NULL && count > 0, "the ids");
    expect((size_t)metrics.completion_tokens == count, "the metrics");
    expect(strlen(qvl_answer_finish_reason(answer)) > 0, "the finish reason");
    print_boxes(answer);
    qvl_answer_free(answer);
  }
  request.on_text = cancel;
  expect(qvl_generate(model, &request, &answer) == QVL_CANCELLED && answer == NULL, "cancelling");
  qvl_model_close(model);
}

int main(int argc, char **argv) {
  check_misuse();
  if (argc > 2)
    answer_question(argv[1], argv[2], argc > 3 ? atol(argv[3]) : 256);
  if (failures == 0)
    fprintf(stderr, "the C interface works\n");
  return failures == 0 ? 0 : 1;
}
