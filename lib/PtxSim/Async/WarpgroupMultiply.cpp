#include "Async/WarpgroupMultiply.h"

#include "Exec/Cluster.h"
#include "Exec/Lanes.h"
#include "Isa/FragmentLayout.h"
#include "Isa/MatrixElements.h"
#include "Isa/TileMultiply.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace qvlsim {
namespace {

constexpr unsigned kMaxN = 256, kMaxK = 32, kRows = 16;

template <typename T> struct Operands {
  alignas(64) T a[kRows][kMaxK];
  alignas(64) T b[kMaxK][kMaxN];
  alignas(64) T sum[kRows][kMaxN];
};

/// Widens packed elements of one type to T.
template <typename T> void widen(Type type, const std::byte *packed, unsigned count, T *out) {
  if constexpr (std::is_same_v<T, float>) {
    widenElements(type, packed, count, out);
  } else {
    for (unsigned e = 0; e < count; ++e) {
      const auto bits = static_cast<std::uint8_t>(packed[e]);
      out[e] = type == Type::S8 ? static_cast<std::int8_t>(bits) : bits;
    }
  }
}

/// An operand in shared memory as `count` lines (rows of A, columns of B) of K elements.
struct SharedOperand {
  MatrixDescriptor descriptor;
  bool mnMajor;
  unsigned elementBytes, first, count, k;

  /// Calls visit(offset, mn, k) for its chunks: the 16 / elementBytes elements of one are
  /// neighbours along K, or along M or N.
  template <typename Visit> bool forChunks(Visit visit) const {
    const unsigned step = 16 / elementBytes;
    for (unsigned mn = 0; mn < count; mn += mnMajor ? step : 1)
      for (unsigned at = 0; at < k; at += mnMajor ? 1 : step)
        if (!visit(matrixElementOffset(descriptor, mnMajor, elementBytes, first + mn, at), mn, at))
          return false;
    return true;
  }
};

SharedOperand operandA(const WarpgroupForm &form, std::uint64_t descriptor, unsigned warpInGroup) {
  return {decodeMatrixDescriptor(descriptor),
          form.aMnMajor,
          form.elementBytes(),
          warpInGroup * kRows,
          kRows,
          form.k};
}
SharedOperand operandB(const WarpgroupForm &form, std::uint64_t descriptor) {
  return {
      decodeMatrixDescriptor(descriptor), form.bMnMajor, form.elementBytes(), 0, form.n, form.k};
}

/// Reads a chunk of the CTA's shared memory.
const std::byte *readChunk(Warp &warp, const Instruction &i, std::uint64_t offset, char matrix) {
  const Cta &cta = warp.cta();
  if (offset + 16 > cta.sharedBytes) {
    warp.fail(i, FaultKind::OutOfBounds, 0,
              absl::StrFormat("the descriptor of %c leads to shared offset %#x; the CTA has %d "
                              "bytes",
                              matrix, offset, cta.sharedBytes));
    return nullptr;
  }
  if (std::memchr(cta.sharedInitialised.get() + offset, 0, 16) != nullptr) {
    warp.fail(
        i, FaultKind::UninitialisedRead, 0,
        absl::StrFormat("%c at shared offset %#x, which nothing has written", matrix, offset));
    return nullptr;
  }
  return cta.shared + offset;
}

/// Reads an operand; store(mn, k, value) keeps an element.
template <typename T, typename Store>
bool readShared(Warp &warp, const Instruction &i, char matrix, Type type, const SharedOperand &from,
                Store store) {
  return from.forChunks([&](std::uint64_t offset, unsigned mn, unsigned k) {
    const std::byte *chunk = readChunk(warp, i, offset, matrix);
    if (chunk == nullptr)
      return false;
    T elements[16];
    const unsigned count = 16 / from.elementBytes;
    widen(type, chunk, count, elements);
    for (unsigned e = 0; e < count; ++e)
      from.mnMajor ? store(mn + e, k, elements[e]) : store(mn, k + e, elements[e]);
    return true;
  });
}

/// The fragment of A follows D in the operands: the rows of the warp as in mma.sync.
template <typename T>
void readFragment(const Warp &warp, const Instruction &i, const WarpgroupForm &form,
                  Operands<T> &tile) {
  const unsigned bits = form.elementBytes() * 8, packed = packedElements(bits);
  const MatrixShape shape{kRows, 8, static_cast<std::uint8_t>(form.k)};
  for (unsigned q = 0; q < 4; ++q) {
    const auto *lanes = laneArray<std::uint32_t>(warp, i.operands[i.destinations + q]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const MatrixPosition p = elementOfA(shape, bits, lane, q, 0);
      widen(form.a, reinterpret_cast<const std::byte *>(lanes + lane), packed,
            &tile.a[p.row][p.column]);
    }
  }
}

std::uint32_t accumulated(const WarpgroupForm &form, std::uint32_t old, const float *sum,
                          bool accumulate) {
  if (form.result == Type::F32)
    return std::bit_cast<std::uint32_t>((accumulate ? std::bit_cast<float>(old) : 0.0f) + sum[0]);
  std::uint32_t packed = 0;
  for (unsigned e = 0; e < 2; ++e) {
    const float before = accumulate ? halfToFloat(static_cast<std::uint16_t>(old >> 16 * e)) : 0.0f;
    packed |= std::uint32_t{floatToHalf(before + sum[e])} << 16 * e;
  }
  return packed;
}

std::uint32_t accumulated(const WarpgroupForm &form, std::uint32_t old, const std::int32_t *sum,
                          bool accumulate) {
  std::int64_t value = (accumulate ? std::int64_t{static_cast<std::int32_t>(old)} : 0) + sum[0];
  if (form.saturate)
    value = std::clamp<std::int64_t>(value, std::numeric_limits<std::int32_t>::min(),
                                     std::numeric_limits<std::int32_t>::max());
  return static_cast<std::uint32_t>(value);
}

template <typename T>
bool perform(Warp &warp, const WarpgroupForm &form, const PendingMultiply &pending) {
  const Instruction &i = *pending.instruction;
  static thread_local Operands<T> tile; // 64 KiB: too much for the stack of every host thread
  const T signA = form.negateA ? T(-1) : T(1), signB = form.negateB ? T(-1) : T(1);
  if (form.aInRegisters)
    readFragment(warp, i, form, tile);
  else if (!readShared<T>(warp, i, 'A', form.a,
                          operandA(form, pending.descriptorA, warp.index() % 4),
                          [&](unsigned mn, unsigned k, T v) { tile.a[mn][k] = v; }))
    return false;
  for (auto &row : tile.a)
    for (unsigned k = 0; k < form.k; ++k)
      row[k] *= signA * signB;
  if (!readShared<T>(warp, i, 'B', form.b, operandB(form, pending.descriptorB),
                     [&](unsigned mn, unsigned k, T v) { tile.b[k][mn] = v; }))
    return false;
  multiplyTiles(TileProduct<T>{tile.a[0], kMaxK, tile.b[0], kMaxN, tile.sum[0], kMaxN, kRows,
                               form.n, form.k});
  const unsigned bits = form.result == Type::F16 ? 16 : 32;
  for (unsigned q = 0; q < i.destinations; ++q) {
    auto *lanes = laneArray<std::uint32_t>(warp, i.operands[q]);
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const MatrixPosition p = elementOfWarpgroupD(bits, lane, q, 0);
      lanes[lane] = accumulated(form, lanes[lane], &tile.sum[p.row][p.column], pending.accumulate);
    }
    warp.written(i.operands[q]) = kAllLanes;
  }
  warp.cluster().counts.matrixFlops += std::uint64_t{2} * kRows * form.n * form.k;
  return true;
}

} // namespace

std::vector<std::uint32_t> operandChunks(const WarpgroupForm &form, const PendingMultiply &pending,
                                         unsigned warpInGroup) {
  std::vector<std::uint32_t> offsets;
  const auto collect = [&](std::uint64_t offset, unsigned, unsigned) {
    offsets.push_back(static_cast<std::uint32_t>(offset));
    return true;
  };
  if (!form.aInRegisters)
    operandA(form, pending.descriptorA, warpInGroup).forChunks(collect);
  operandB(form, pending.descriptorB).forChunks(collect);
  std::sort(offsets.begin(), offsets.end());
  offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
  return offsets;
}

bool performMultiply(Warp &warp, const WarpgroupForm &form, const PendingMultiply &pending) {
  return form.result == Type::S32 ? perform<std::int32_t>(warp, form, pending)
                                  : perform<float>(warp, form, pending);
}

} // namespace qvlsim
