// Values of the reference interpreter: plain tensors and the state of the paged cache.
#pragma once

#include "dialects/qvl/IR/Qvl.h"

#include <cstdint>
#include <map>
#include <memory>
#include <variant>
#include <vector>

namespace mlir::qvl::reference {

/// A dense row-major tensor. All element types are held as doubles: f32, bf16, i32 and indices are
/// exact in them. A rank-0 tensor (an index constant) has one value.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> values;

  Tensor() = default;
  /// Zeros. Every dimension must be non-negative.
  explicit Tensor(std::vector<int64_t> shape);
  /// `values` in row-major order; their number must be the product of `shape`.
  Tensor(std::vector<int64_t> shape, std::vector<double> values)
      : shape(std::move(shape)), values(std::move(values)) {}

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t size() const { return static_cast<int64_t>(values.size()); }
  /// Size of the leading dimension.
  int64_t rows() const { return shape.front(); }
  /// Elements of one row: the product of all dimensions but the leading one.
  int64_t columns() const;
  const double *row(int64_t r) const { return values.data() + r * columns(); }
  double *row(int64_t r) { return values.data() + r * columns(); }
};

/// Keys and values of one token in one layer, both `[kv_heads, head_dim]`.
struct CacheRow {
  std::vector<double> key;
  std::vector<double> value;
};

/// The content of a `!qvl.cache`. It is a value: appending returns another cache and leaves this
/// one as it was; layers that did not change are shared. A slot is `page number · page size +
/// place`.
class Cache {
public:
  /// A cache in which no slot is written.
  explicit Cache(CacheType type);

  CacheType getType() const { return type; }

  /// This cache with `row` at `slot` of `layer`, replacing what was there.
  using Rows = std::map<int64_t, std::shared_ptr<const CacheRow>>;
  Cache append(int64_t layer, const Rows &rows) const;

  /// The row at `slot` of `layer`, or null when it was never written.
  const CacheRow *find(int64_t layer, int64_t slot) const;

private:
  CacheType type;
  std::vector<std::shared_ptr<const Rows>> layers;
};

/// Anything an SSA value of the traced IR can hold.
using RuntimeValue = std::variant<Tensor, Cache>;

} // namespace mlir::qvl::reference
