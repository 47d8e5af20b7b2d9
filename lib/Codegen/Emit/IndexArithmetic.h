// Arithmetic on values of type index, in the words of the formulas it writes.
#pragma once

#include "VectorMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::qvl {

inline Value sum(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::AddIOp::create(b, lhs, rhs);
}
inline Value sum(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return sum(b, lhs, constantIndex(b, rhs));
}
inline Value difference(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::SubIOp::create(b, lhs, rhs);
}
inline Value product(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::MulIOp::create(b, lhs, rhs);
}
inline Value product(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return product(b, lhs, constantIndex(b, rhs));
}
/// Quotient and remainder of values that are not negative.
inline Value quotient(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return arith::DivUIOp::create(b, lhs, constantIndex(b, rhs));
}
inline Value remainder(ImplicitLocOpBuilder &b, Value lhs, int64_t rhs) {
  return arith::RemUIOp::create(b, lhs, constantIndex(b, rhs));
}
inline Value roundDown(ImplicitLocOpBuilder &b, Value value, int64_t unit) {
  return difference(b, value, remainder(b, value, unit));
}
inline Value minimum(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::MinSIOp::create(b, lhs, rhs);
}
inline Value maximum(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return arith::MaxSIOp::create(b, lhs, rhs);
}

} // namespace mlir::qvl
