#include "SamplingRow.h"

#include "../Emit/IndexArithmetic.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

namespace mlir::qvl {
namespace {

constexpr int64_t kWidestUnit = 4; // 16 bytes
constexpr int64_t kSignBit = 0x80000000;

Value word(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, b.getI32Type(), value);
}

Value isSet(ImplicitLocOpBuilder &b, Value bits) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, word(b, 0));
}

Value penalize(ImplicitLocOpBuilder &b, Value logit, Value penalty) {
  Value zero = constantFloat(b, b.getF32Type(), 0);
  Value isNegative = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, logit, zero);
  return arith::SelectOp::create(b, isNegative, arith::MulFOp::create(b, logit, penalty),
                                 arith::DivFOp::create(b, logit, penalty));
}

/// All ones where the sign of an i32 is set, else zero.
Value signMask(ImplicitLocOpBuilder &b, Value value) {
  return arith::ShRSIOp::create(b, value, word(b, 31));
}

} // namespace

SamplingRow::SamplingRow(BlockFrame &frame, Value logits, Value seen, Value settings)
    : b(frame.builder()), columns(cast<RankedTensorType>(logits.getType()).getDimSize(1)),
      width(std::gcd(columns, kWidestUnit)) {
  auto rowOf = [&](Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    return elementPointer(b, type.getElementType(), frame.buffer(tensor),
                          product(b, frame.rowBegin(), type.getDimSize(1)));
  };
  this->logits = rowOf(logits);
  this->seen = rowOf(seen);
  this->settings = rowOf(settings);
}

Value SamplingRow::setting(qvlfmt::SamplingSetting column) const {
  return load(b, b.getF32Type(),
              elementPointer(b, b.getF32Type(), settings, static_cast<int64_t>(column)));
}

Value SamplingRow::column(Value number, int64_t place) const {
  return sum(b, product(b, number, width), place);
}

/// A bit for each column of the unit that begins at `first`, from the lowest one on.
Value SamplingRow::seenOf(Value first) const {
  Type i32 = b.getI32Type();
  Value bits = load(b, i32, elementPointer(b, i32, seen, quotient(b, first, qvlfmt::kSeenBits)));
  Value place = arith::IndexCastOp::create(b, i32, remainder(b, first, qvlfmt::kSeenBits));
  return arith::AndIOp::create(b, arith::ShRUIOp::create(b, bits, place),
                               word(b, (int64_t{1} << width) - 1));
}

/// Few ids were seen: most units have nothing to divide.
SmallVector<Value> SamplingRow::penalized(Value number) const {
  Type f32 = b.getF32Type();
  Value first = column(number, 0);
  Value unit = load(b, VectorType::get({width}, f32), elementPointer(b, f32, logits, first),
                    width * static_cast<int64_t>(sizeof(float)));
  SmallVector<Value> values;
  for (int64_t i = 0; i < width; ++i)
    values.push_back(vector::ExtractOp::create(b, unit, i));
  Value bits = seenOf(first);
  auto chosen = scf::IfOp::create(b, SmallVector<Type>(width, f32), isSet(b, bits),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(chosen.elseBlock());
  scf::YieldOp::create(b, values);
  b.setInsertionPointToStart(chosen.thenBlock());
  Value penalty = setting(qvlfmt::kPenalty);
  for (int64_t i = 0; i < width; ++i) {
    Value bit = arith::AndIOp::create(b, bits, word(b, int64_t{1} << i));
    values[i] =
        arith::SelectOp::create(b, isSet(b, bit), penalize(b, values[i], penalty), values[i]);
  }
  scf::YieldOp::create(b, values);
  return {chosen.getResults().begin(), chosen.getResults().end()};
}

/// The bits of numbers of one sign are ordered like the numbers or the other way round.
Value orderedKey(ImplicitLocOpBuilder &b, Value value) {
  Value zero = constantFloat(b, b.getF32Type(), 0);
  // -0 + 0 is 0.
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), arith::AddFOp::create(b, value, zero));
  Value flips = arith::OrIOp::create(b, signMask(b, bits), word(b, kSignBit));
  Value key = arith::XOrIOp::create(b, bits, flips);
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  return arith::SelectOp::create(b, isNaN, word(b, -1), key);
}

Value valueOfKey(ImplicitLocOpBuilder &b, Value key) {
  Value isNegative = arith::XOrIOp::create(b, signMask(b, key), word(b, -1));
  Value flips = arith::OrIOp::create(b, isNegative, word(b, kSignBit));
  return arith::BitcastOp::create(b, b.getF32Type(), arith::XOrIOp::create(b, key, flips));
}

static constexpr int64_t kHalfBits = 32;

Value packBest(ImplicitLocOpBuilder &b, Value value, Value column) {
  Type i64 = b.getI64Type();
  Value shift = arith::ConstantIntOp::create(b, i64, kHalfBits);
  Value high =
      arith::ShLIOp::create(b, arith::ExtUIOp::create(b, i64, orderedKey(b, value)), shift);
  Value low = arith::ExtUIOp::create(b, i64, arith::XOrIOp::create(b, column, word(b, -1)));
  return arith::OrIOp::create(b, high, low);
}

Value valueOfBest(ImplicitLocOpBuilder &b, Value best) {
  Value shift = arith::ConstantIntOp::create(b, b.getI64Type(), kHalfBits);
  Value high = arith::ShRUIOp::create(b, best, shift);
  return valueOfKey(b, arith::TruncIOp::create(b, b.getI32Type(), high));
}

/// A NaN has no column: qvlfmt::kNoId.
Value columnOfBest(ImplicitLocOpBuilder &b, Value best) {
  static_assert(qvlfmt::kNoId == -1, "all ones");
  Value column =
      arith::XOrIOp::create(b, arith::TruncIOp::create(b, b.getI32Type(), best), word(b, -1));
  Value value = valueOfBest(b, best);
  Value isNaN = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  return arith::SelectOp::create(b, isNaN, word(b, qvlfmt::kNoId), column);
}

Value betterOf(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::MaxUIOp::create(b, x, y);
}

} // namespace mlir::qvl
