#include "qvl/Codegen/TileTarget.h"

#include "VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qvl {
namespace {

class Avx512Target : public TileTarget {
public:
  int64_t lanes() const override { return 16; }
  // Sixteen accumulators hide the latency of two FMA units and leave registers for weights. A
  // single row reads four panels at once: four streams of memory are faster than one.
  ArrayRef<TileForm> linearForms() const override {
    static constexpr TileForm forms[] = {{8, 2}, {4, 4}, {2, 8}, {1, 8}};
    return forms;
  }
  TileForm attentionForm() const override { return {8, 2}; }
};

/// The same registers: weights need none for widening, so the forms keep.
class Avx512Bf16Target final : public Avx512Target {
public:
  bool multipliesBf16Pairs() const override { return true; }
  // vdpbf16ps takes denormal operands and gives denormal results as zero, which is below any
  // rounding of a sum that matters.
  Value addPairProducts(ImplicitLocOpBuilder &b, Value input, Value weights,
                        Value sums) const override {
    auto dot = LLVM::CallIntrinsicOp::create(b, sums.getType(),
                                             b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
                                             ValueRange{sums, input, weights});
    return dot.getResults();
  }
};

class Avx2Target final : public TileTarget {
public:
  int64_t lanes() const override { return 8; }
  // Twelve accumulators, two vectors of weights and an input leave one register. Two pairs of
  // weights would need four, so the tall form reads them twice: 96 instead of 83 % of the limit.
  ArrayRef<TileForm> linearForms() const override {
    static constexpr TileForm forms[] = {{6, 2, /*rereadsPairs=*/true}, {2, 4}, {1, 8}};
    return forms;
  }
  TileForm attentionForm() const override { return {4, 2}; }
};

} // namespace

SmallVector<Value> TileTarget::loadSingles(ImplicitLocOpBuilder &b, Value pointer,
                                           int64_t vectors) const {
  SmallVector<Value> result;
  for (int64_t v = 0; v < vectors; ++v)
    result.push_back(load(b, vectorType(b.getContext()),
                          elementPointer(b, b.getF32Type(), pointer, v * lanes())));
  return result;
}

/// A bf16 is the high half of an f32: of a pair in 32 bits, the first moves up and the second
/// stays.
SmallVector<Value> TileTarget::loadOfPairs(ImplicitLocOpBuilder &b, Value pointer, int64_t vectors,
                                           int64_t step, bool reread) const {
  auto words = VectorType::get({lanes()}, b.getI32Type());
  auto splat = [&](uint32_t value) {
    APInt bits(32, value);
    return arith::ConstantOp::create(b, DenseElementsAttr::get(words, bits)).getResult();
  };
  SmallVector<Value> result;
  for (int64_t v = 0; v < vectors; ++v) {
    Value place = elementPointer(b, b.getI32Type(), pointer, v * lanes());
    // A volatile load is not merged with the one of the first step.
    Value pairs = LLVM::LoadOp::create(b, words, place, /*alignment=*/4,
                                       /*isVolatile=*/reread && step == 1);
    Value bits = step == 0 ? arith::ShLIOp::create(b, pairs, splat(16)).getResult()
                           : arith::AndIOp::create(b, pairs, splat(0xffff0000u)).getResult();
    result.push_back(arith::BitcastOp::create(b, vectorType(b.getContext()), bits));
  }
  return result;
}

std::unique_ptr<TileTarget> createAvx512Target() { return std::make_unique<Avx512Target>(); }
std::unique_ptr<TileTarget> createAvx512Bf16Target() {
  return std::make_unique<Avx512Bf16Target>();
}
std::unique_ptr<TileTarget> createAvx2Target() { return std::make_unique<Avx2Target>(); }

} // namespace mlir::qvl
