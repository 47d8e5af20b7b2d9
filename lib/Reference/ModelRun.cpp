// One sequence on the reference interpreter: operands by name, the cache, the greedy continuation.

#include "qvl/Reference/ModelRun.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::qvl;
using namespace mlir::qvl::reference;

std::string reference::argumentName(func::FuncOp function, unsigned argument) {
  auto name = function.getArgAttrOfType<StringAttr>(argument, kNameAttr);
  return name ? name.getValue().str() : "arg" + std::to_string(argument);
}

FailureOr<std::vector<RuntimeValue>> reference::orderArguments(func::FuncOp function,
                                                               const NamedArguments &arguments) {
  std::vector<RuntimeValue> ordered;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto found = arguments.find(argumentName(function, i));
    if (found == arguments.end())
      return function.emitOpError() << "needs argument '" << argumentName(function, i)
                                    << "' of type " << function.getArgument(i).getType();
    ordered.push_back(found->second);
  }
  if (ordered.size() == arguments.size())
    return ordered;
  for (const auto &entry : arguments)
    if (llvm::none_of(llvm::seq(function.getNumArguments()),
                      [&](unsigned i) { return argumentName(function, i) == entry.getKey(); }))
      return function.emitOpError() << "has no argument '" << entry.getKey() << "'";
  return function.emitOpError() << "has two arguments of one name";
}

Tensor reference::indexTensor(ArrayRef<int64_t> numbers) {
  return Tensor({static_cast<int64_t>(numbers.size())}, {numbers.begin(), numbers.end()});
}

ModelRun::ModelRun(ModuleOp module, Interpreter interpreter, func::FuncOp language, Cache cache)
    : module(module), interpreter(std::move(interpreter)), language(language),
      cache(std::move(cache)), columns(0) {
  for (BlockArgument argument : language.getArguments())
    if (argumentName(language, argument.getArgNumber()) == "features")
      columns = cast<RankedTensorType>(argument.getType()).getDimSize(1);
}

FailureOr<ModelRun> ModelRun::create(ModuleOp module, Interpreter interpreter) {
  auto language = module.lookupSymbol<func::FuncOp>("language");
  if (!language)
    return module.emitError() << "has no function @language";
  for (Type type : language.getArgumentTypes())
    if (auto cacheType = dyn_cast<CacheType>(type))
      return ModelRun(module, std::move(interpreter), language, Cache(cacheType));
  return language.emitOpError() << "has no argument of type !qvl.cache";
}

FailureOr<Tensor> ModelRun::encode(const VisionOperands &operands) {
  auto vision = module.lookupSymbol<func::FuncOp>("vision");
  if (!vision)
    return module.emitError() << "has no function @vision";
  NamedArguments named;
  named.try_emplace("pixels", operands.pixels);
  named.try_emplace("positions", operands.positions);
  named.try_emplace("window", operands.window);
  named.try_emplace("windows", operands.windows);
  named.try_emplace("frames", operands.frames);
  FailureOr<std::vector<RuntimeValue>> arguments = orderArguments(vision, named);
  if (failed(arguments))
    return failure();
  FailureOr<std::vector<RuntimeValue>> results = interpreter.run(vision, *arguments);
  if (failed(results))
    return failure();
  return std::get<Tensor>(std::move(results->front()));
}

FailureOr<Tensor> ModelRun::advance(const TokenRows &rows) {
  auto count = static_cast<int64_t>(rows.ids.size());
  int64_t page = cache.getType().getPage(), pages = (length() + count + page - 1) / page;
  // The sequence owns pages 0, 1, ..., so a token's slot is its number.
  auto slots = llvm::to_vector(llvm::seq(length(), length() + count));
  auto blocks = llvm::to_vector(llvm::seq<int64_t>(0, pages));
  Tensor blockTable = indexTensor(blocks);
  blockTable.shape = {1, pages};
  NamedArguments named;
  named.try_emplace("ids", indexTensor(rows.ids));
  named.try_emplace("positions", rows.positions);
  named.try_emplace("features", rows.features.size() ? rows.features : Tensor({0, columns}));
  named.try_emplace("feature_rows", indexTensor(rows.featureRows));
  named.try_emplace("row_offsets", indexTensor({0, count}));
  named.try_emplace("row_sequence", Tensor({count}));
  named.try_emplace("cache_lengths", indexTensor({length()}));
  named.try_emplace("block_table", std::move(blockTable));
  named.try_emplace("slots", indexTensor(slots));
  named.try_emplace("kv_cache", cache);
  named.try_emplace("logit_rows", indexTensor(rows.logitRows));
  FailureOr<std::vector<RuntimeValue>> arguments = orderArguments(language, named);
  if (failed(arguments))
    return failure();
  FailureOr<std::vector<RuntimeValue>> results = interpreter.run(language, *arguments);
  if (failed(results))
    return failure();
  cache = std::get<Cache>(results->back());
  seen.insert(seen.end(), rows.ids.begin(), rows.ids.end());
  return std::get<Tensor>(std::move(results->front()));
}

int64_t ModelRun::chooseId(const Tensor &logits, double repetitionPenalty) const {
  std::vector<double> row = logits.values;
  std::vector<int64_t> distinct = seen;
  llvm::sort(distinct);
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (int64_t id : distinct)
    if (id < static_cast<int64_t>(row.size()))
      row[id] = row[id] < 0 ? row[id] * repetitionPenalty : row[id] / repetitionPenalty;
  return std::max_element(row.begin(), row.end()) - row.begin();
}

FailureOr<Continuation> ModelRun::continueGreedily(Tensor logits, const GreedyOptions &options) {
  if (logits.rank() != 2 || logits.rows() != 1 || logits.size() == 0)
    return language.emitOpError() << "goes on after one row of logits, not after " << logits.size()
                                  << " values";
  Continuation continuation;
  for (int64_t i = 0; i < options.maxNewTokens; ++i) {
    int64_t id = chooseId(logits, options.repetitionPenalty);
    continuation.ids.push_back(id);
    continuation.logits.push_back(std::move(logits));
    continuation.stopped = llvm::is_contained(options.stopIds, id);
    if (continuation.stopped || i + 1 == options.maxNewTokens)
      break;
    double position = static_cast<double>(options.nextPosition + i);
    FailureOr<Tensor> next = advance(
        {{id}, Tensor({3, 1}, {position, position, position}), Tensor({0, columns}), {-1}, {0}});
    if (failed(next))
      return failure();
    logits = std::move(*next);
  }
  return continuation;
}
