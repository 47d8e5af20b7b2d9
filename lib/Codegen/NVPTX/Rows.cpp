// Ops that work row by row, on thread blocks: a warp takes a row.

#include "../Emit/Loops.h"
#include "../Rows/RowEmitters.h"
#include "../Rows/RowTensors.h"
#include "BlockFrame.h"
#include "BlockTiles.h"
#include "Emitters.h"
#include "WarpInstructions.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

namespace mlir::qvl {
namespace {

/// Elements of one access: 16 bytes of bf16, two accesses of f32.
constexpr int64_t kWidestAccess = 8;

/// The lanes of a warp take the chunks of a row in turn, so that neighbours access neighbours in
/// memory. Chunks are as wide as the addresses are aligned: there is no rest.
class WarpRow final : public RowFrame {
public:
  explicit WarpRow(BlockFrame &block) : RowFrame(block), block(block) {}

  TargetKind target() const override { return TargetKind::Cuda; }
  void forEach(int64_t count, function_ref<void(Value)> emit) override;
  void forEachChunk(int64_t count, int64_t unit, int64_t widest,
                    function_ref<void(Value, int64_t)> emit) override;
  void forEachHeadChunk(int64_t heads, int64_t count, int64_t unit, int64_t widest,
                        function_ref<void(Value, int64_t)> prepare,
                        function_ref<void(Value, Value, int64_t)> emit) override;
  void forEachConstant(ArrayRef<float> constants, int64_t widest,
                       function_ref<void(Value, Value)> emit) override;
  Value sumChunks(int64_t count, function_ref<Value(Value, Value)> add) override;
  int64_t alignment(Type element, int64_t width) const override {
    return width * element.getIntOrFloatBitWidth() / 8;
  }

private:
  static int64_t chunkWidth(int64_t count, int64_t unit, int64_t widest) {
    return std::gcd(std::gcd(count, unit), std::min(widest, kWidestAccess));
  }

  BlockFrame &block;
};

void WarpRow::forEach(int64_t count, function_ref<void(Value)> emit) {
  ImplicitLocOpBuilder &b = builder();
  forLoop(b, block.lane(), constantIndex(b, count), kWarpLanes, emit);
}

void WarpRow::forEachChunk(int64_t count, int64_t unit, int64_t widest,
                           function_ref<void(Value, int64_t)> emit) {
  int64_t width = chunkWidth(count, unit, widest);
  forEach(count / width, [&](Value number) { emit(product(builder(), number, width), width); });
}

void WarpRow::forEachHeadChunk(int64_t heads, int64_t count, int64_t unit, int64_t widest,
                               function_ref<void(Value, int64_t)> prepare,
                               function_ref<void(Value, Value, int64_t)> emit) {
  ImplicitLocOpBuilder &b = builder();
  int64_t width = chunkWidth(count, unit, widest), chunks = count / width;
  forEach(heads * chunks, [&](Value number) {
    Value offset = product(b, remainder(b, number, chunks), width);
    prepare(offset, width);
    emit(quotient(b, number, chunks), offset, width);
  });
}

/// Constants that a lane picks by its number lie in memory.
void WarpRow::forEachConstant(ArrayRef<float> constants, int64_t,
                              function_ref<void(Value, Value)> emit) {
  ImplicitLocOpBuilder &b = builder();
  Value table = block.constants(constants);
  auto single = VectorType::get({1}, b.getF32Type());
  forEach(static_cast<int64_t>(constants.size()), [&](Value number) {
    emit(number, load(b, single, elementPointer(b, b.getF32Type(), table, number)));
  });
}

/// Each lane sums its chunks, then the elements of its vector, then lanes add each other's sums.
Value WarpRow::sumChunks(int64_t count, function_ref<Value(Value, Value)> add) {
  ImplicitLocOpBuilder &b = builder();
  int64_t width = chunkWidth(count, count, kWidestAccess);
  Value zero = constantFloat(b, VectorType::get({width}, b.getF32Type()), 0);
  Value sums = forLoop(b, block.lane(), constantIndex(b, count / width), kWarpLanes, zero,
                       [&](Value number, MutableArrayRef<Value> carried) {
                         carried[0] = add(product(b, number, width), carried[0]);
                       })
                   .front();
  auto plus = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); };
  Value sum = vector::ExtractOp::create(b, sums, 0);
  for (int64_t i = 1; i < width; ++i)
    sum = plus(sum, vector::ExtractOp::create(b, sums, i));
  return reduceLanes(b, sum, kWarpLanes, plus);
}

} // namespace

LogicalResult emitBlockRows(func::FuncOp kernel) {
  FailureOr<TileGrid> grid = tileGrid(kernel, TargetKind::Cuda);
  if (failed(grid) || failed(checkRowKernel(kernel)))
    return failure();
  Operation *op = kernelOp(kernel);
  BlockFrame block(kernel, *grid, BlockTile::of(kernel).threads);
  ImplicitLocOpBuilder &b = block.builder();
  WarpRow warp(block);
  Value row = sum(b, block.rowBegin(), block.warp());
  Value isRow = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, row, block.rowEnd());
  ifTrue(b, isRow, [&] { emitRowOf(warp, op, row); });
  block.replaceKernel();
  return lowerRowTensors(block.function(), Bf16Conversion::Native);
}

} // namespace mlir::qvl
