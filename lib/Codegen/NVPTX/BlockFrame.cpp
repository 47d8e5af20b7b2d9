#include "BlockFrame.h"

#include "../Emit/IndexArithmetic.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::qvl {
namespace {

constexpr unsigned kGlobalMemory = 1, kSharedMemory = 3;
constexpr int64_t kSharedAlignment = 1024; // of the widest swizzle of tensor copies
constexpr int64_t kTensorMapBytes = 128, kTensorMapAlignment = 64;

/// The parameters of the kernel: buffers, then scalars, then tensor maps.
SmallVector<Type> parameterTypes(func::FuncOp kernel, unsigned tensorMaps) {
  MLIRContext *context = kernel.getContext();
  SmallVector<Type> buffers, scalars;
  Type pointer = LLVM::LLVMPointerType::get(context, kGlobalMemory);
  Type i64 = IntegerType::get(context, 64);
  auto add = [&](Type type) {
    if (type.isIndex())
      return scalars.push_back(i64);
    buffers.push_back(pointer);
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      scalars.append(tensor.getNumDynamicDims(), i64);
  };
  llvm::for_each(kernel.getArgumentTypes(), add);
  for (Type type : kernel.getResultTypes())
    if (isa<RankedTensorType>(type)) // A cache result is its argument's memory.
      add(type);
  buffers.append(scalars);
  buffers.append(tensorMaps, LLVM::LLVMPointerType::get(context));
  return buffers;
}

void passByValue(func::FuncOp function, unsigned argument) {
  OpBuilder b(function.getContext());
  Type bytes = LLVM::LLVMArrayType::get(b.getI8Type(), kTensorMapBytes);
  function.setArgAttr(argument, LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(bytes));
  function.setArgAttr(argument, LLVM::LLVMDialect::getAlignAttrName(),
                      b.getI64IntegerAttr(kTensorMapAlignment));
}

func::FuncOp createBlockFunction(func::FuncOp kernel, int64_t threads, unsigned tensorMaps) {
  OpBuilder b(kernel.getContext());
  b.setInsertionPointAfter(kernel);
  auto type = b.getFunctionType(parameterTypes(kernel, tensorMaps), {});
  auto function =
      func::FuncOp::create(b, kernel.getLoc(), (kernel.getName() + ".block").str(), type);
  function.addEntryBlock();
  function->setAttr(kThreadsAttr, b.getI64IntegerAttr(threads));
  for (unsigned i = 0; i < tensorMaps; ++i)
    passByValue(function, function.getNumArguments() - tensorMaps + i);
  return function;
}

} // namespace

BlockFrame::BlockFrame(func::FuncOp kernel, const TileGrid &grid, int64_t threads,
                       unsigned tensorMaps)
    : KernelOperands(kernel), blockFunction(createBlockFunction(kernel, threads, tensorMaps)),
      tensorMaps(tensorMaps) {
  assert(threads % kWarpLanes == 0 && "blocks are whole warps");
  body.setInsertionPointToStart(&blockFunction.front());
  readParameters();
  threadNumber = asIndex(NVVM::ThreadIdXOp::create(body, body.getI32Type()));
  laneNumber = remainder(body, threadNumber, kWarpLanes);
  warpNumber = quotient(body, threadNumber, kWarpLanes);
  findTile(grid);
}

/// Numbers of threads and blocks are not negative.
Value BlockFrame::asIndex(Value i32) {
  return arith::IndexCastUIOp::create(body, body.getIndexType(), i32);
}

void BlockFrame::readParameters() {
  unsigned bufferPosition = 0;
  unsigned pointers =
      llvm::count_if(blockFunction.getArgumentTypes(), llvm::IsaPred<LLVM::LLVMPointerType>);
  unsigned scalarPosition = pointers - tensorMaps;
  readOperands([&]() -> Value { return blockFunction.getArgument(bufferPosition++); },
               [&]() -> Value {
                 return arith::IndexCastOp::create(body, body.getIndexType(),
                                                   blockFunction.getArgument(scalarPosition++));
               });
}

void BlockFrame::findTile(const TileGrid &grid) {
  Value tile = asIndex(NVVM::BlockIdXOp::create(body, body.getI32Type()));
  Value rows = size(kernel.getArgument(grid.rowArgument), grid.rowDimension);
  Value rowTile = tile;
  column = constantIndex(body, 0);
  if (grid.columnTiles > 1) {
    Value rowTiles = quotient(body, sum(body, rows, grid.rowsPerTile - 1), grid.rowsPerTile);
    column = arith::DivUIOp::create(body, tile, rowTiles);
    rowTile = arith::RemUIOp::create(body, tile, rowTiles);
  }
  firstRow = product(body, rowTile, grid.rowsPerTile);
  lastRow = minimum(body, sum(body, firstRow, grid.rowsPerTile), rows);
}

Value BlockFrame::createGlobal(StringRef name, Type type, Attribute value, uint64_t alignment,
                               unsigned space) {
  OpBuilder::InsertionGuard guard(body);
  body.setInsertionPoint(blockFunction);
  auto linkage = value ? LLVM::Linkage::Internal : LLVM::Linkage::External;
  LLVM::GlobalOp::create(body, type, /*isConstant=*/static_cast<bool>(value), linkage, name, value,
                         alignment, space);
  body.setInsertionPointToStart(&blockFunction.front());
  auto pointer = LLVM::LLVMPointerType::get(body.getContext(), space);
  return LLVM::AddressOfOp::create(body, pointer, name);
}

Value BlockFrame::tensorMap(unsigned number) {
  return blockFunction.getArgument(blockFunction.getNumArguments() - tensorMaps + number);
}

Value BlockFrame::shared(int64_t byteOffset) {
  if (!sharedMemory)
    sharedMemory = createGlobal((kernel.getName() + "_shared").str(),
                                LLVM::LLVMArrayType::get(body.getI8Type(), 0), Attribute(),
                                kSharedAlignment, kSharedMemory);
  return elementPointer(body, body.getI8Type(), sharedMemory, byteOffset);
}

Value BlockFrame::constants(ArrayRef<float> values) {
  auto count = static_cast<int64_t>(values.size());
  auto elements = DenseElementsAttr::get(RankedTensorType::get({count}, body.getF32Type()), values);
  std::string name = (kernel.getName() + "_table" + Twine(tables++)).str();
  return createGlobal(name, LLVM::LLVMArrayType::get(body.getF32Type(), count), elements,
                      sizeof(float), kGlobalMemory);
}

void BlockFrame::barrier() { NVVM::Barrier0Op::create(body); }

void BlockFrame::replaceKernel() { replaceKernelBy(blockFunction); }

} // namespace mlir::qvl
