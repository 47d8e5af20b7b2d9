// The distinct kernels of a module under outlining.

#include "KernelTable.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace dialect = mlir::qvl;

namespace qvl {

/// The stored form of an operand that is a loaded parameter; null for an activation.
static Attribute encodingOf(Value operand) {
  auto load = operand.getDefiningOp<dialect::LoadOp>();
  if (!load)
    return {};
  auto parameter =
      SymbolTable::lookupNearestSymbolFrom<dialect::ParameterOp>(load, load.getParameterAttr());
  return parameter ? parameter.getEncodingAttr() : Attribute();
}

/// Clears the locations of an op and of its epilogue: they name a layer, and equal layers share a
/// kernel.
static void forgetLocations(Operation *root) {
  Location unknown = UnknownLoc::get(root->getContext());
  root->walk([&](Operation *op) {
    op->setLoc(unknown);
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        argument.setLoc(unknown);
  });
}

func::FuncOp KernelTable::cloneIntoFunction(Operation *op, StringRef name) {
  OpBuilder::InsertionGuard guard(builder);
  Location unknown = builder.getUnknownLoc();
  SmallVector<Type> results;
  for (Type type : op->getResultTypes())
    results.push_back(type);
  auto type = builder.getFunctionType(llvm::to_vector(op->getOperandTypes()), results);
  auto function = func::FuncOp::create(builder, unknown, name, type);
  Block *body = function.addEntryBlock();
  IRMapping mapping;
  for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
    // An operand used twice becomes two arguments: launches pass operands by position. The op's own
    // operands are set below.
    if (Attribute encoding = encodingOf(operand))
      function.setArgAttr(number, dialect::kEncodingAttr, encoding);
  }
  builder.setInsertionPointToEnd(body);
  Operation *clone = builder.clone(*op, mapping);
  clone->setOperands(body->getArguments());
  forgetLocations(clone);
  func::ReturnOp::create(builder, unknown, clone->getResults());
  return function;
}

/// Appends `size` to a name, "x"-separated.
static void appendShape(llvm::raw_ostream &os, ShapedType type) {
  os << "_";
  llvm::interleave(
      type.getShape(), os,
      [&](int64_t size) {
        if (ShapedType::isDynamic(size))
          os << "n";
        else
          os << size;
      },
      "x");
}

/// Mnemonic, then the shape of the first weight, else of the first result or operand.
std::string KernelTable::uniqueName(Operation *op, bool fewRows) {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << op->getName().stripDialect();
  Value shaped = op->getNumResults() && isa<ShapedType>(op->getResult(0).getType())
                     ? op->getResult(0)
                     : op->getOperand(0);
  for (Value operand : op->getOperands())
    if (encodingOf(operand)) {
      shaped = operand;
      break;
    }
  appendShape(os, cast<ShapedType>(shaped.getType()));
  if (fewRows)
    os << "_few_rows";
  if (unsigned count = names[name]++)
    os << "_" << count;
  return name;
}

/// The buffers and scalars of a launch (include/qvlfmt/KernelAbi.h).
static std::pair<int64_t, int64_t> countOperands(func::FuncOp function) {
  int64_t buffers = 0, scalars = 0;
  auto count = [&](Type type) {
    if (type.isIndex()) {
      ++scalars;
      return;
    }
    ++buffers;
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      scalars += tensor.getNumDynamicDims();
  };
  llvm::for_each(function.getArgumentTypes(), count);
  for (Type type : function.getResultTypes())
    if (isa<RankedTensorType>(type)) // A cache is updated in place: its buffer is the operand's.
      count(type);
  return {buffers, scalars};
}

/// A loaded parameter among the operands whose stored form is not chosen yet.
static dialect::ParameterOp firstParameterWithoutEncoding(Operation *op) {
  for (Value operand : op->getOperands())
    if (auto load = operand.getDefiningOp<dialect::LoadOp>(); load && !encodingOf(operand))
      return SymbolTable::lookupNearestSymbolFrom<dialect::ParameterOp>(load,
                                                                        load.getParameterAttr());
  return nullptr;
}

/// Ops whose work on a GPU is cut differently where rows are few.
static bool hasFewRowsForm(Operation *op) {
  return isa<dialect::LinearOp, dialect::FusedLinearOp, dialect::CachedAttentionOp>(op);
}

qvlx::KernelOp KernelTable::lookupOrCreate(Operation *op, bool fewRows) {
  if (dialect::ParameterOp parameter = firstParameterWithoutEncoding(op)) {
    op->emitError() << "parameter '" << parameter.getSymName()
                    << "' has no encoding; run qvl-assign-encodings before";
    return nullptr;
  }
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(block);
  func::FuncOp function = cloneIntoFunction(op, "kernel");
  fewRows &= target == dialect::TargetKind::Cuda && hasFewRowsForm(op);
  if (fewRows)
    function->setAttr(dialect::kFewRowsAttr, builder.getUnitAttr());
  std::string key;
  llvm::raw_string_ostream(key) << function;
  qvlx::KernelOp &kernel = kernels[key];
  if (kernel) {
    function.erase();
    return kernel;
  }
  std::string name = uniqueName(op, fewRows);
  function.setSymName(name);
  auto [buffers, scalars] = countOperands(function);
  kernel = qvlx::KernelOp::create(builder, builder.getUnknownLoc(), name, buffers, scalars,
                                  dialect::scratchBytes(function, target));
  last = kernel;
  function->moveBefore(&kernel.getBody().emplaceBlock(), kernel.getBody().front().end());
  return kernel;
}

} // namespace qvl
