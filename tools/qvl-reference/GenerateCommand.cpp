#include "GenerateCommand.h"

#include "Errors.h"
#include "ProbeFolder.h"
#include "ReferenceModel.h"
#include "TensorFile.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <numeric>

using namespace mlir::qvl::reference;

namespace qvlref {

namespace {

/// A tensor of any numbers of the processor.
template <typename T> Tensor toTensor(std::vector<int64_t> shape, const std::vector<T> &values) {
  return Tensor(std::move(shape), {values.begin(), values.end()});
}

VisionOperands toOperands(const qvlrt::VisionInput &input) {
  int64_t patches = input.patches();
  const qvlrt::WindowPlan &plan = input.windows;
  auto length = [](const auto &values) { return static_cast<int64_t>(values.size()); };
  return {toTensor({patches, length(input.pixelValues) / patches}, input.pixelValues),
          toTensor({2, patches}, input.positions),
          toTensor({length(plan.windowIndex)}, plan.windowIndex),
          toTensor({length(plan.cuWindowSeqlens)}, plan.cuWindowSeqlens),
          toTensor({length(plan.cuSeqlens)}, plan.cuSeqlens)};
}

/// The prompt; `allLogits` asks for those of every position.
TokenRows toRows(const qvlrt::ProcessedRequest &request, Tensor features, bool allLogits) {
  auto tokens = static_cast<int64_t>(request.ids.size());
  std::vector<int64_t> logitRows(allLogits ? tokens : 1);
  std::iota(logitRows.begin(), logitRows.end(), allLogits ? 0 : tokens - 1);
  return {request.ids,
          toTensor({3, tokens}, request.positions),
          std::move(features),
          {request.featureRows.begin(), request.featureRows.end()},
          std::move(logitRows)};
}

/// Takes the last row off `tensor`.
Tensor popLastRow(Tensor &tensor) {
  int64_t last = tensor.rows() - 1, columns = tensor.columns();
  Tensor row({1, columns}, {tensor.row(last), tensor.row(last) + columns});
  tensor.values.resize(last * columns);
  tensor.shape[0] = last;
  return row;
}

/// One run of a request: the steps in order, each with its probes.
class Answer {
public:
  Answer(ReferenceModel &model, const GenerateOptions &options)
      : model(model), options(options), probes(options.probe, options.precision) {}

  llvm::Error run(const qvlrt::ProcessedRequest &request);
  void print() const;
  llvm::Error writeTensors() const;

private:
  llvm::Error encode(ModelRun &run, const qvlrt::VisionInput &input, llvm::StringRef step);

  ReferenceModel &model;
  const GenerateOptions &options;
  ProbeFolder probes;
  Tensor features{{0, 0}}; ///< of all images, then of all videos
  Tensor promptLogits;     ///< of the positions before the last one, when asked for
  Continuation continuation;
  int64_t promptTokens = 0;
};

/// Appends the features of one call of the vision tower.
llvm::Error Answer::encode(ModelRun &run, const qvlrt::VisionInput &input, llvm::StringRef step) {
  if (input.grids.empty())
    return llvm::Error::success();
  if (llvm::Error error = probes.beginStep(step))
    return error;
  mlir::FailureOr<Tensor> encoded = run.encode(toOperands(input));
  if (mlir::failed(encoded))
    return alreadyReported();
  features.values.insert(features.values.end(), encoded->values.begin(), encoded->values.end());
  features.shape = {features.rows() + encoded->rows(), encoded->columns()};
  return llvm::Error::success();
}

llvm::Error Answer::run(const qvlrt::ProcessedRequest &request) {
  llvm::Expected<ModelRun> run = model.start(options.precision, probes.probe());
  if (!run)
    return run.takeError();
  if (llvm::Error error = encode(*run, request.images, "images"))
    return error;
  if (llvm::Error error = encode(*run, request.videos, "videos"))
    return error;
  if (llvm::Error error = probes.beginStep("prefill"))
    return error;
  mlir::FailureOr<Tensor> logits = run->advance(toRows(request, features, options.allLogits));
  if (mlir::failed(logits))
    return alreadyReported();
  Tensor last = popLastRow(*logits);
  promptLogits = std::move(*logits);
  promptTokens = run->length();
  if (llvm::Error error = probes.beginStep("decode"))
    return error;
  const ::qvl::GenerationConfig &defaults = model.imported().generation;
  mlir::FailureOr<Continuation> continued = run->continueGreedily(
      std::move(last), {promptTokens + request.ropeDelta, options.maxNewTokens, defaults.eosIds,
                        options.repetitionPenalty.value_or(defaults.repetitionPenalty)});
  if (mlir::failed(continued))
    return alreadyReported();
  continuation = std::move(*continued);
  return llvm::Error::success();
}

void Answer::print() const {
  std::string text = model.processor().tokenizer().decode(continuation.ids, /*skipSpecial=*/true);
  llvm::json::Object object{
      {"text", llvm::json::fixUTF8(text)},
      {"ids", llvm::json::Array(continuation.ids)},
      {"finish_reason", continuation.stopped ? "stop" : "length"},
      {"prompt_tokens", promptTokens},
      {"precision", options.precision == Precision::F64 ? "f64" : "f32"},
  };
  llvm::outs() << llvm::json::Value(std::move(object)) << "\n";
}

/// vision_features, logits (one row for each generated id) and generated_ids, named as qvl-run
/// names them (contract C3).
llvm::Error Answer::writeTensors() const {
  if (options.output.empty())
    return llvm::Error::success();
  if (llvm::Error error = createFolder(options.output))
    return error;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::Builder builder(&context);
  auto write = [&](llvm::StringRef name, const Tensor &tensor, mlir::Type type) {
    return writeTensor(options.output + "/" + name.str() + ".npy", tensor, type, options.precision);
  };
  if (features.rows() > 0)
    if (llvm::Error error = write("vision_features", features, builder.getF32Type()))
      return error;
  Tensor logits = promptLogits;
  for (const Tensor &row : continuation.logits)
    logits.values.insert(logits.values.end(), row.values.begin(), row.values.end());
  logits.shape[0] += static_cast<int64_t>(continuation.logits.size());
  if (llvm::Error error = write("logits", logits, builder.getF32Type()))
    return error;
  return write("generated_ids", indexTensor(continuation.ids), builder.getI64Type());
}

llvm::Expected<std::vector<qvlrt::Message>> readMessages(const GenerateOptions &options) {
  absl::StatusOr<std::vector<qvlrt::Message>> messages =
      options.messages.empty() ? qvlrt::makeMessages(options.prompt)
                               : qvlrt::loadMessages(options.messages);
  if (messages.ok() && qvlrt::isEmptyRequest(*messages))
    return fromStatus(absl::InvalidArgumentError("the request holds neither text nor media"));
  if (!messages.ok())
    return fromStatus(messages.status());
  return *std::move(messages);
}

} // namespace

llvm::Error generateAnswer(const GenerateOptions &options) {
  llvm::Expected<std::vector<qvlrt::Message>> messages = readMessages(options);
  if (!messages)
    return messages.takeError();
  llvm::Expected<std::unique_ptr<ReferenceModel>> model = ReferenceModel::open(options.checkpoint);
  if (!model)
    return model.takeError();
  absl::StatusOr<qvlrt::ProcessedRequest> request = (*model)->processor().process(*messages);
  if (!request.ok())
    return fromStatus(request.status());
  Answer answer(**model, options);
  if (llvm::Error error = answer.run(*request))
    return error;
  answer.print();
  return answer.writeTensors();
}

} // namespace qvlref
