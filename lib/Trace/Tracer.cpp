// The tracing API: each function appends one qvl op with the location of its module path.

#include "qvl/Trace/Tracer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {

Tracer::Scope::Scope(Tracer &tracer, std::string name) : tracer(tracer) {
  tracer.scopes.push_back(std::move(name));
}

Tracer::Scope::~Scope() { tracer.scopes.pop_back(); }

Tracer::Tracer(ModuleOp module, llvm::StringRef name, ParameterSource parameters)
    : builder(module.getContext()), parameters(parameters) {
  builder.setInsertionPointToEnd(module.getBody());
  func = func::FuncOp::create(builder, NameLoc::get(builder.getStringAttr(name)), name,
                              builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(func.addEntryBlock());
}

std::string Tracer::path(llvm::StringRef name) const {
  std::string joined = llvm::join(scopes, ".");
  if (joined.empty() || name.empty())
    return joined + name.str();
  return joined + "." + name.str();
}

Location Tracer::location(llvm::StringRef name) {
  return NameLoc::get(builder.getStringAttr(path(name)));
}

Value Tracer::argument(llvm::StringRef name, Type type) {
  NamedAttribute named(builder.getStringAttr(dialect::kNameAttr), builder.getStringAttr(name));
  unsigned number = func.getNumArguments();
  if (mlir::failed(
          func.insertArgument(number, type, builder.getDictionaryAttr(named), location(name))))
    llvm_unreachable("an argument can be inserted at the end of every function");
  return func.getArgument(number);
}

Tensor Tracer::input(llvm::StringRef name, Type element, llvm::ArrayRef<int64_t> shape) {
  return {argument(name, RankedTensorType::get(shape, element))};
}

Value Tracer::cacheInput(llvm::StringRef name, dialect::CacheType type) {
  return argument(name, type);
}

Value Tracer::load(const std::string &fullName, llvm::ArrayRef<int64_t> shape, Location loc) {
  Parameter parameter = parameters(fullName, shape);
  if (!parameter.op) {
    failed = true;
    // The trace goes on with a value of the wanted shape, so that every missing parameter is
    // reported, not only the first.
    return tensor::EmptyOp::create(builder, loc, shape, builder.getF32Type());
  }
  return dialect::LoadOp::create(builder, loc, parameter.op.getTensorType(), fullName);
}

RankedTensorType Tracer::withColumns(RankedTensorType like, int64_t columns, Type element) {
  return RankedTensorType::get({like.getDimSize(0), columns},
                               element ? element : like.getElementType());
}

Tensor Tracer::embed(llvm::StringRef name, Tensor ids, int64_t rows, int64_t columns,
                     Type element) {
  Location loc = location(name);
  Value table = load(path(name) + ".weight", {rows, columns}, loc);
  auto type = RankedTensorType::get({ids.type().getDimSize(0), columns}, element);
  return {dialect::EmbedOp::create(builder, loc, type, ids.value, table)};
}

Tensor Tracer::linear(llvm::StringRef name, Tensor x, int64_t columns, bool bias, Type element) {
  Location loc = location(name);
  Value weight = load(path(name) + ".weight", {columns, x.type().getDimSize(1)}, loc);
  Value biasValue = bias ? load(path(name) + ".bias", {columns}, loc) : Value();
  return {dialect::LinearOp::create(builder, loc, withColumns(x.type(), columns, element), x.value,
                                    weight, biasValue)};
}

Tensor Tracer::linearBy(llvm::StringRef name, Tensor x, llvm::StringRef fullWeightName,
                        int64_t columns, Type element) {
  Location loc = location(name);
  Value weight = load(fullWeightName.str(), {columns, x.type().getDimSize(1)}, loc);
  return {dialect::LinearOp::create(builder, loc, withColumns(x.type(), columns, element), x.value,
                                    weight, Value())};
}

Tensor Tracer::rmsNorm(llvm::StringRef name, Tensor x, double eps) {
  Location loc = location(name);
  Value weight = load(path(name) + ".weight", {x.type().getDimSize(1)}, loc);
  return {dialect::RmsNormOp::create(builder, loc, x.type(), x.value, weight,
                                     builder.getF64FloatAttr(eps), IntegerAttr())};
}

Tensor Tracer::mergeFeatures(llvm::StringRef name, Tensor embeddings, Tensor features,
                             Tensor featureRows) {
  return {dialect::MergeFeaturesOp::create(builder, location(name), embeddings.type(),
                                           embeddings.value, features.value, featureRows.value)};
}

Tensor Tracer::gatherRows(llvm::StringRef name, Tensor x, Tensor rows) {
  auto type = RankedTensorType::get({rows.type().getDimSize(0), x.type().getDimSize(1)},
                                    x.type().getElementType());
  return {dialect::GatherRowsOp::create(builder, location(name), type, x.value, rows.value)};
}

Tensor Tracer::regroup(llvm::StringRef name, Tensor x, Tensor index, Tensor segments, int64_t group,
                       bool inverse) {
  return {dialect::RegroupOp::create(builder, location(name), x.type(), x.value, index.value,
                                     segments.value, builder.getI64IntegerAttr(group),
                                     inverse ? builder.getUnitAttr() : UnitAttr(),
                                     /*merged=*/IntegerAttr())};
}

Tensor Tracer::mergeRows(llvm::StringRef name, Tensor x, int64_t rows) {
  RankedTensorType type = withColumns(x.type(), rows * x.type().getDimSize(1));
  return {dialect::MergeRowsOp::create(builder, location(name), type, x.value,
                                       builder.getI64IntegerAttr(rows))};
}

Tensor Tracer::add(llvm::StringRef name, Tensor a, Tensor b) {
  return {dialect::AddOp::create(builder, location(name), a.type(), a.value, b.value)};
}

Tensor Tracer::mul(llvm::StringRef name, Tensor a, Tensor b) {
  return {dialect::MulOp::create(builder, location(name), a.type(), a.value, b.value)};
}

Tensor Tracer::silu(llvm::StringRef name, Tensor x) {
  return {dialect::SiluOp::create(builder, location(name), x.type(), x.value)};
}

Tensor Tracer::gelu(llvm::StringRef name, Tensor x) {
  return {dialect::GeluOp::create(builder, location(name), x.type(), x.value)};
}

Tensor Tracer::cast(llvm::StringRef name, Tensor x, Type element) {
  if (x.type().getElementType() == element)
    return x;
  return {dialect::CastOp::create(builder, location(name), x.type().clone(element), x.value)};
}

llvm::SmallVector<Tensor> Tracer::splitHeads(llvm::StringRef name, Tensor x,
                                             llvm::ArrayRef<int64_t> heads, int64_t headDim) {
  llvm::SmallVector<Type> types;
  for (int64_t count : heads)
    types.push_back(
        RankedTensorType::get({x.type().getDimSize(0), count, headDim}, x.type().getElementType()));
  auto op = dialect::SplitHeadsOp::create(builder, location(name), types, x.value, heads, headDim);
  return llvm::map_to_vector(op.getParts(), [](Value part) { return Tensor{part}; });
}

Tensor Tracer::ropeTable(llvm::StringRef name, Tensor positions, double theta,
                         llvm::ArrayRef<int64_t> sections, dialect::FrequencySharing sharing) {
  int64_t angles = 0;
  for (int64_t size : sections)
    angles += size;
  auto type =
      RankedTensorType::get({positions.type().getDimSize(1), angles, 2}, builder.getF32Type());
  return {dialect::RopeTableOp::create(
      builder, location(name), type, positions.value, builder.getF64FloatAttr(theta),
      builder.getDenseI64ArrayAttr(sections),
      dialect::FrequencySharingAttr::get(builder.getContext(), sharing))};
}

Tensor Tracer::rotate(llvm::StringRef name, Tensor x, Tensor table) {
  return {dialect::RotateOp::create(builder, location(name), x.type(), x.value, table.value)};
}

Tensor Tracer::attention(llvm::StringRef name, Tensor q, Tensor k, Tensor v, Tensor segments,
                         double scale, std::optional<int64_t> maxRows) {
  RankedTensorType type = withColumns(q.type(), q.type().getDimSize(1) * q.type().getDimSize(2));
  return {
      dialect::AttentionOp::create(builder, location(name), type, q.value, k.value, v.value,
                                   segments.value, builder.getF64FloatAttr(scale),
                                   maxRows ? builder.getI64IntegerAttr(*maxRows) : IntegerAttr())};
}

Value Tracer::layer(int64_t number) {
  return arith::ConstantIndexOp::create(builder, location(""), number);
}

Value Tracer::cacheAppend(llvm::StringRef name, Tensor k, Tensor v, Value cache, Value layer,
                          Tensor slots) {
  return dialect::CacheAppendOp::create(builder, location(name), cache.getType(), k.value, v.value,
                                        cache, layer, slots.value);
}

Tensor Tracer::cachedAttention(llvm::StringRef name, Tensor q, Value cache, Value layer,
                               Tensor rowOffsets, Tensor rowSequence, Tensor cacheLengths,
                               Tensor blockTable, double scale) {
  RankedTensorType type = withColumns(q.type(), q.type().getDimSize(1) * q.type().getDimSize(2));
  return {dialect::CachedAttentionOp::create(
      builder, location(name), type, q.value, cache, layer, rowOffsets.value, rowSequence.value,
      cacheLengths.value, blockTable.value, builder.getF64FloatAttr(scale))};
}

LogicalResult Tracer::finish(llvm::ArrayRef<std::pair<llvm::StringRef, Tensor>> results,
                             Value cache) {
  if (failed) {
    func.erase();
    return failure();
  }
  llvm::SmallVector<Value> values;
  llvm::SmallVector<Type> types;
  for (const auto &[name, tensor] : results) {
    values.push_back(tensor.value);
    types.push_back(tensor.value.getType());
  }
  if (cache) {
    values.push_back(cache);
    types.push_back(cache.getType());
  }
  func::ReturnOp::create(builder, func.getLoc(), values);
  func.setType(builder.getFunctionType(func.getArgumentTypes(), types));
  for (auto [number, result] : llvm::enumerate(results))
    func.setResultAttr(number, dialect::kNameAttr, builder.getStringAttr(result.first));
  return success();
}

} // namespace qvl
