// The C interface: handles over Module, Device, Processor and Session.
#include "qvlrt/qvl.h"

#include "qvlrt/boxes.h"
#include "qvlrt/exit_code.h"
#include "qvlrt/generator.h"
#include "qvlrt/loaded_model.h"
#include "qvlrt/status.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <string>

struct qvl_model {
  qvlrt::LoadedModel loaded;
};

struct qvl_answer {
  qvlrt::GenerationResult result;
  qvl_metrics metrics;
  std::vector<qvlrt::AnswerBox> boxes;
};

namespace {

using namespace qvlrt;
using Clock = std::chrono::steady_clock;

thread_local std::string lastError;

double millisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Remembers the error's line and returns its status code.
qvl_status fail(const absl::Status &status) {
  lastError = std::string(status.message());
  return static_cast<qvl_status>(exitCodeOf(status));
}

qvl_status usage(const char *what) {
  lastError = what;
  return QVL_USAGE;
}

/// Runs `body`, which returns a status, and lets no exception out.
template <typename Body> qvl_status guarded(Body body) {
  try {
    const absl::Status status = body();
    return status.ok() ? QVL_OK : fail(status);
  } catch (const std::bad_alloc &) {
    return fail(absl::ResourceExhaustedError("out of memory"));
  } catch (const std::exception &exception) {
    return fail(absl::InternalError(exception.what()));
  }
}

/// The caller's struct as this library knows it: fields beyond the caller's size keep the values
/// that `known` has.
template <typename Struct> Struct widened(const Struct &callers, Struct known) {
  std::memcpy(&known, &callers, std::min(callers.size, sizeof(Struct)));
  return known;
}

/// Writes as much of `known` as the caller's struct holds.
template <typename Struct> void narrowed(Struct known, Struct *callers, size_t size) {
  known.size = std::min(size, sizeof(Struct));
  std::memcpy(callers, &known, known.size);
}

qvl_model_options defaultModelOptions() {
  return {.size = sizeof(qvl_model_options),
          .threads = 0,
          .prefill_chunk = 512,
          .max_context = 0,
          .kv_memory = 0,
          .device = nullptr,
          .cuda_driver = nullptr,
          .cuda_graphs = 1};
}

absl::StatusOr<DeviceSelection> deviceOf(const qvl_model_options &options) {
  const std::string name = options.device ? options.device : "auto";
  std::optional<DeviceSelection> device = parseDevice(name);
  if (!device)
    return absl::InvalidArgumentError("device '" + name + "' is not auto, cpu, cuda or cuda:N");
  device->threads = options.threads;
  device->cudaDriver = options.cuda_driver ? options.cuda_driver : "";
  return *device;
}

absl::Status openModel(const std::string &path, const qvl_model_options &options,
                       qvl_model **model) {
  ModelOptions modelOptions;
  QVLRT_ASSIGN_OR_RETURN(modelOptions.device, deviceOf(options));
  modelOptions.session.replay = options.cuda_graphs != 0;
  modelOptions.session.prefillChunk = options.prefill_chunk;
  if (options.kv_memory != 0)
    modelOptions.session.kvMemory = options.kv_memory;
  if (options.max_context != 0)
    modelOptions.session.maxContext = options.max_context;
  QVLRT_ASSIGN_OR_RETURN(LoadedModel loaded, LoadedModel::open(path, modelOptions));
  *model = new qvl_model{std::move(loaded)};
  return absl::OkStatus();
}

qvl_request defaultRequest(const qvl_model &model) {
  const SamplingParameters sampling = defaultGeneration(*model.loaded.session).sampling;
  qvl_request request = {};
  request.size = sizeof request;
  request.max_new_tokens = StopRules().maxNewTokens;
  request.do_sample = sampling.doSample;
  request.temperature = sampling.temperature;
  request.top_k = sampling.topK;
  request.top_p = sampling.topP;
  request.min_p = sampling.minP;
  request.repetition_penalty = sampling.repetitionPenalty;
  return request;
}

/// The generation options of a request; `cancelled` is set by its callback.
GenerationOptions generationOf(const qvl_model &model, const qvl_request &request,
                               bool &cancelled) {
  GenerationOptions options = defaultGeneration(*model.loaded.session);
  options.stop.maxNewTokens = request.max_new_tokens;
  options.stop.stopStrings.assign(request.stops, request.stops + request.stop_count);
  options.sampling = {.doSample = request.do_sample != 0,
                      .temperature = request.temperature,
                      .topK = request.top_k,
                      .topP = request.top_p,
                      .minP = request.min_p,
                      .repetitionPenalty = request.repetition_penalty,
                      .seed = request.seed};
  options.cancelled = [&cancelled] { return cancelled; };
  if (request.on_text)
    options.onText = [&request, &cancelled](std::string_view piece) {
      const std::string text(piece);
      cancelled |= request.on_text(request.user, text.c_str(), text.size()) != 0;
    };
  return options;
}

bool stopsAreSet(const qvl_request &request) {
  if (request.stop_count == 0)
    return true;
  return request.stops && std::all_of(request.stops, request.stops + request.stop_count,
                                      [](const char *stop) { return stop != nullptr; });
}

ProcessorOptions processingOf(const qvl_request &request) {
  ProcessorOptions options;
  if (request.min_pixels != 0)
    options.minPixels = request.min_pixels;
  if (request.max_pixels != 0)
    options.maxPixels = request.max_pixels;
  options.allowSpecial = request.allow_special != 0;
  return options;
}

qvl_metrics metricsOf(const qvl_model &model, const ProcessedRequest &request,
                      const GenerationResult &result, double preprocessMillis) {
  const GenerationTimings &timings = result.timings;
  return {.size = sizeof(qvl_metrics),
          .prompt_tokens = result.promptTokens,
          .media_tokens = request.mediaTokens,
          .completion_tokens = static_cast<int64_t>(result.ids.size()),
          .load_ms = model.loaded.loadMillis,
          .preprocess_ms = preprocessMillis,
          .vision_ms = timings.vision,
          .prefill_ms = timings.prefill,
          .decode_ms = timings.decode,
          .first_token_ms = preprocessMillis + timings.firstToken,
          .weight_bytes = model.loaded.module->totalWeightBytes(),
          .arena_bytes = model.loaded.session->arenaBytes(),
          .kv_bytes = model.loaded.session->kvBytes()};
}

qvl_box boxOf(const AnswerBox &box) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  const Box picture = box.picture.value_or(Box{kUnknown, kUnknown, kUnknown, kUnknown});
  qvl_box result = {.size = sizeof(qvl_box),
                    .label = box.label.c_str(),
                    .media = box.media ? static_cast<int64_t>(*box.media) : -1,
                    .model = {},
                    .picture = {}};
  std::copy(box.model.begin(), box.model.end(), result.model);
  std::copy(picture.begin(), picture.end(), result.picture);
  return result;
}

absl::Status generateAnswer(qvl_model &model, const qvl_request &request, qvl_answer **answer) {
  const Clock::time_point start = Clock::now();
  QVLRT_ASSIGN_OR_RETURN(
      const std::vector<Message> messages,
      parseMessages(request.messages_json, request.base_directory ? request.base_directory : "."));
  if (isEmptyRequest(messages))
    return absl::InvalidArgumentError("the messages hold neither text nor a picture or video");
  QVLRT_ASSIGN_OR_RETURN(const ProcessedRequest processed,
                         model.loaded.processor.process(messages, processingOf(request)));
  const double preprocessMillis = millisSince(start);
  bool cancelled = false;
  QVLRT_ASSIGN_OR_RETURN(GenerationResult result,
                         generate(*model.loaded.session, model.loaded.processor.tokenizer(),
                                  processed, generationOf(model, request, cancelled)));
  const qvl_metrics metrics = metricsOf(model, processed, result, preprocessMillis);
  std::vector<AnswerBox> boxes = findBoxes(result.text, processed.media);
  *answer = new qvl_answer{std::move(result), metrics, std::move(boxes)};
  return absl::OkStatus();
}

} // namespace

const char *qvl_version(void) { return QVL_VERSION; }

const char *qvl_last_error(void) { return lastError.c_str(); }

void qvl_model_options_init(qvl_model_options *options, size_t size) {
  narrowed(defaultModelOptions(), options, size);
}

qvl_status qvl_model_open(const char *path, const qvl_model_options *options, qvl_model **model) {
  if (!model)
    return usage("qvl_model_open: model is null");
  *model = nullptr;
  if (!path)
    return usage("qvl_model_open: path is null");
  if (options && options->size < sizeof(size_t))
    return usage("qvl_model_open: options->size is not set");
  const qvl_model_options known =
      options ? widened(*options, defaultModelOptions()) : defaultModelOptions();
  return guarded([&] { return openModel(path, known, model); });
}

void qvl_model_close(qvl_model *model) { delete model; }

const char *qvl_model_device(const qvl_model *model) {
  return model->loaded.device->name() == "cuda" ? "cuda" : "cpu";
}

void qvl_request_init(const qvl_model *model, qvl_request *request, size_t size) {
  narrowed(defaultRequest(*model), request, size);
}

qvl_status qvl_generate(qvl_model *model, const qvl_request *request, qvl_answer **answer) {
  if (!answer)
    return usage("qvl_generate: answer is null");
  *answer = nullptr;
  if (!model || !request)
    return usage("qvl_generate: model or request is null");
  if (request->size < offsetof(qvl_request, base_directory) || !request->messages_json)
    return usage("qvl_generate: request->size or request->messages_json is not set");
  const qvl_request known = widened(*request, defaultRequest(*model));
  if (!stopsAreSet(known))
    return usage("qvl_generate: request->stops or one of its strings is null");
  return guarded([&] { return generateAnswer(*model, known, answer); });
}

void qvl_answer_free(qvl_answer *answer) { delete answer; }

const char *qvl_answer_text(const qvl_answer *answer) { return answer->result.text.c_str(); }

const int64_t *qvl_answer_ids(const qvl_answer *answer, size_t *count) {
  *count = answer->result.ids.size();
  return answer->result.ids.data();
}

const char *qvl_answer_finish_reason(const qvl_answer *answer) {
  return finishReasonName(answer->result.finishReason);
}

size_t qvl_answer_box_count(const qvl_answer *answer) { return answer->boxes.size(); }

void qvl_answer_box(const qvl_answer *answer, size_t index, qvl_box *box, size_t size) {
  narrowed(boxOf(answer->boxes[index]), box, size);
}

void qvl_answer_metrics(const qvl_answer *answer, qvl_metrics *metrics, size_t size) {
  narrowed(answer->metrics, metrics, size);
}
