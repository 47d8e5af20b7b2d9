// Builds one qvlx program from one function of qvl ops.

#include "ProgramBuilder.h"

#include "qvl/Codegen/TileGrid.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {

qvlx::BufferType bufferTypeOf(Type type) {
  if (auto cache = dyn_cast<dialect::CacheType>(type))
    return qvlx::BufferType::get(type.getContext(), {ShapedType::kDynamic, cache.getPageElements()},
                                 cache.getElement());
  auto tensor = cast<RankedTensorType>(type);
  return qvlx::BufferType::get(type.getContext(), tensor.getShape(), tensor.getElementType());
}

/// Ops that give the memory of their operand another shape.
static bool isView(Operation *op) {
  if (isa<dialect::MergeRowsOp>(op))
    return true;
  auto split = dyn_cast<dialect::SplitHeadsOp>(op);
  return split && split.getParts().size() == 1;
}

/// Arithmetic on sizes of tensors.
static bool isSize(Operation *op) {
  return isa_and_nonnull<tensor::TensorDialect, arith::ArithDialect>(op->getDialect()) &&
         llvm::all_of(op->getResultTypes(), [](Type type) { return type.isIndex(); });
}

Value ProgramBuilder::constant(int64_t value) {
  return qvlx::ConstantOp::create(builder, function.getLoc(), builder.getI64IntegerAttr(value));
}

Value ProgramBuilder::sizeOf(Value tensor, int64_t dimension) {
  Value size = placed[tensor].sizes[dimension];
  return size ? size : constant(cast<RankedTensorType>(tensor.getType()).getDimSize(dimension));
}

SmallVector<Value> ProgramBuilder::dynamicSizes(const Placed &placed) {
  SmallVector<Value> sizes;
  llvm::copy_if(placed.sizes, std::back_inserter(sizes),
                [](Value size) { return size != nullptr; });
  return sizes;
}

qvlx::ProgramOp ProgramBuilder::build(StringRef name) {
  qvlx::ProgramOp program = succeeded(checkSignature()) ? createProgram(name) : nullptr;
  if (!program)
    return nullptr;
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
    if (failed(convert(&op))) {
      program.erase();
      return nullptr;
    }
  return program;
}

LogicalResult ProgramBuilder::checkSignature() {
  if (!function.getBody().hasOneBlock())
    return function.emitError() << "a function needs one block to become a program";
  for (Type type : function.getArgumentTypes()) {
    if (isa<dialect::CacheType>(type))
      continue;
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return function.emitError() << "a program takes tensors and caches, got " << type;
    if (failed(qvlx::BufferType::verify([&] { return function.emitError(); }, tensor.getShape(),
                                        tensor.getElementType())))
      return failure();
  }
  return success();
}

qvlx::ProgramOp ProgramBuilder::createProgram(StringRef name) {
  auto nameOf = [&](DictionaryAttr attributes) {
    return attributes ? attributes.getAs<StringAttr>(dialect::kNameAttr) : StringAttr();
  };
  SmallVector<Attribute> arguments, results;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    arguments.push_back(nameOf(function.getArgAttrDict(i)));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (isa<RankedTensorType>(
            function.getResultTypes()[i])) // A cache is an argument and stays where it is.
      results.push_back(nameOf(function.getResultAttrDict(i)));
  if (llvm::is_contained(arguments, Attribute()) || llvm::is_contained(results, Attribute())) {
    function.emitError() << "arguments and results of '" << name << "' need a "
                         << dialect::kNameAttr << " attribute to become a program";
    return nullptr;
  }
  builder.setInsertionPointAfter(function);
  auto program =
      qvlx::ProgramOp::create(builder, function.getLoc(), name, builder.getArrayAttr(arguments),
                              builder.getArrayAttr(results));
  Block &body = program.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  placeArguments(body);
  return program;
}

void ProgramBuilder::placeArguments(Block &body) {
  for (BlockArgument argument : function.getArguments()) {
    qvlx::BufferType type = bufferTypeOf(argument.getType());
    Placed &place = placed[argument];
    place.buffer = body.addArgument(type, argument.getLoc());
    if (isa<dialect::CacheType>(argument.getType()))
      caches[place.buffer] = argument;
    for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
      place.sizes.push_back(
          type.isDynamicDim(dimension)
              ? qvlx::DimOp::create(builder, argument.getLoc(), place.buffer, dimension).getResult()
              : Value());
  }
}

LogicalResult ProgramBuilder::convert(Operation *op) {
  if (auto end = dyn_cast<func::ReturnOp>(op))
    return convertReturn(end);
  if (auto value = dyn_cast<arith::ConstantIndexOp>(op)) {
    scalars[value] = constant(value.value());
    return success();
  }
  if (auto load = dyn_cast<dialect::LoadOp>(op)) {
    Placed &place = placed[load.getResult()];
    qvlx::BufferType type = bufferTypeOf(load.getType());
    place.buffer = qvlx::WeightOp::create(builder, load.getLoc(), type, load.getParameterAttr());
    place.sizes.assign(type.getRank(), Value());
    return success();
  }
  if (!isa_and_nonnull<dialect::QvlDialect>(op->getDialect()))
    return isSize(op) ? success() // Translated where it is used.
                      : op->emitError() << "'" << op->getName() << "' cannot be part of a program";
  if (isView(op))
    return convertView(op);
  return convertLaunch(op);
}

LogicalResult ProgramBuilder::checkCaches(Operation *op) {
  for (Value operand : op->getOperands())
    if (isa<dialect::CacheType>(operand.getType()) &&
        caches.lookup(placed[operand].buffer) != operand)
      return op->emitError() << "takes a cache as it was before an append, which a program makes "
                                "in place";
  return success();
}

LogicalResult ProgramBuilder::convertReturn(func::ReturnOp op) {
  if (failed(checkCaches(op)))
    return failure();
  SmallVector<Value> results;
  for (Value value : op.getOperands())
    if (isa<RankedTensorType>(value.getType()))
      results.push_back(placed[value].buffer);
  qvlx::ReturnOp::create(builder, op.getLoc(), results);
  return success();
}

Value ProgramBuilder::translateSize(Value size) {
  if (Value known = scalars.lookup(size))
    return known;
  Operation *op = size.getDefiningOp();
  if (!op)
    return nullptr;
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    auto source = placed.find(dim.getSource());
    if (!index || source == placed.end() || *index < 0 ||
        *index >= static_cast<int64_t>(source->second.sizes.size()))
      return nullptr;
    return sizeOf(dim.getSource(), *index);
  }
  if (auto value = dyn_cast<arith::ConstantIndexOp>(op))
    return constant(value.value());
  if (op->getNumOperands() != 2)
    return nullptr;
  Value lhs = translateSize(op->getOperand(0)), rhs = translateSize(op->getOperand(1));
  if (!lhs || !rhs)
    return nullptr;
  return TypeSwitch<Operation *, Value>(op)
      .Case<arith::DivUIOp>(
          [&](auto) { return qvlx::FloorDivOp::create(builder, op->getLoc(), lhs, rhs); })
      .Case<arith::MulIOp>(
          [&](auto) { return qvlx::MulOp::create(builder, op->getLoc(), lhs, rhs); })
      .Case<arith::AddIOp>(
          [&](auto) { return qvlx::AddOp::create(builder, op->getLoc(), lhs, rhs); })
      .Default([](Operation *) { return Value(); });
}

FailureOr<SmallVector<ProgramBuilder::Placed>> ProgramBuilder::reifySizes(Operation *op) {
  auto reifier = dyn_cast<ReifyRankedShapedTypeOpInterface>(op);
  ReifiedRankedShapedTypeDims dims;
  OpBuilder sizes(op);
  if (!reifier || failed(reifier.reifyResultShapes(sizes, dims)))
    return op->emitError() << "sizes of the results are not known";
  SmallVector<Placed> results;
  for (auto [shape, type] : llvm::zip(dims, op->getResultTypes())) {
    Placed &result = results.emplace_back();
    for (auto [dimension, size] : llvm::enumerate(shape)) {
      auto value = dyn_cast<Value>(size);
      if (cast<RankedTensorType>(type).isDynamicDim(dimension) != (value != nullptr))
        return op->emitError() << "its operands and " << type
                               << " do not agree on which sizes are static";
      result.sizes.push_back(value ? translateSize(value) : Value());
      if (value && !result.sizes.back())
        return op->emitError() << "a size of the results is not arithmetic on sizes of arguments";
    }
  }
  return results;
}

LogicalResult ProgramBuilder::convertView(Operation *op) {
  Value result = op->getResult(0);
  FailureOr<SmallVector<Placed>> sizes = reifySizes(op);
  if (failed(sizes))
    return failure();
  Placed view = std::move(sizes->front());
  view.buffer = qvlx::ViewOp::create(builder, op->getLoc(), bufferTypeOf(result.getType()),
                                     placed[op->getOperand(0)].buffer, dynamicSizes(view));
  placed[result] = std::move(view);
  return success();
}

LogicalResult ProgramBuilder::convertLaunch(Operation *op) {
  qvlx::KernelOp kernel = kernels.lookupOrCreate(op, fewRows);
  if (!kernel)
    return failure();
  FailureOr<dialect::TileGrid> tiles =
      dialect::tileGrid(*kernel.getOps<func::FuncOp>().begin(), kernels.targetKind());
  FailureOr<SmallVector<Placed>> sizes = reifySizes(op);
  if (failed(tiles) || failed(sizes))
    return failure();

  LaunchOperands launch;
  if (failed(checkCaches(op)) || failed(passOperands(op, launch)))
    return failure();
  placeResults(op, *sizes, launch);
  launch.sizes.append(launch.indices);
  Value rows = sizeOf(op->getOperand(tiles->rowArgument), tiles->rowDimension);
  Value rowTiles =
      qvlx::CeilDivOp::create(builder, op->getLoc(), rows, constant(tiles->rowsPerTile));
  Value grid = qvlx::MulOp::create(builder, op->getLoc(), rowTiles, constant(tiles->columnTiles));
  qvlx::LaunchOp::create(builder, op->getLoc(), kernel.getSymName(), grid, launch.inputs,
                         launch.outputs, launch.sizes);
  return success();
}

LogicalResult ProgramBuilder::passOperands(Operation *op, LaunchOperands &launch) {
  for (Value operand : op->getOperands()) {
    if (operand.getType().isIndex()) {
      Value index = translateSize(operand);
      if (!index)
        return op->emitError() << "an index is not arithmetic on sizes of arguments";
      launch.indices.push_back(index);
      continue;
    }
    const Placed &place = placed[operand];
    launch.inputs.push_back(place.buffer);
    if (isa<RankedTensorType>(operand.getType()))
      launch.sizes.append(dynamicSizes(place));
  }
  return success();
}

void ProgramBuilder::placeResults(Operation *op, ArrayRef<Placed> sizes, LaunchOperands &launch) {
  for (auto [result, place] : llvm::zip(op->getResults(), sizes)) {
    if (isa<dialect::CacheType>(result.getType())) {
      auto cache = llvm::find_if(op->getOperands(),
                                 [&](Value v) { return v.getType() == result.getType(); });
      Placed pool = placed.lookup(*cache); // A copy: inserting moves what the map holds.
      caches[pool.buffer] = result;
      placed[result] = std::move(pool);
      continue;
    }
    Placed &placedResult = placed[result] = place;
    placedResult.buffer = qvlx::AllocOp::create(
        builder, op->getLoc(), bufferTypeOf(result.getType()), dynamicSizes(place));
    launch.outputs.push_back(placedResult.buffer);
    launch.sizes.append(dynamicSizes(place));
  }
}

} // namespace qvl
