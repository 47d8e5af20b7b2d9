// Scalar types and state spaces of PTX.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace qvlsim {

/// The fundamental and packed types (PTX ISA 9.0, section 5.2) that variables, registers and
/// instruction modifiers use.
enum class Type : std::uint8_t {
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  BF16,
  F32,
  F64,
  F16x2,
  BF16x2,
  F32x2,
  U16x2,
  S16x2,
  E4M3,
  E5M2,
  E4M3x2,
  E5M2x2,
  TF32,
  Pred,
};

/// The type of a modifier without its dot ("u32"), if it is one.
std::optional<Type> typeFromName(std::string_view name);
std::string_view name(Type type);
/// Bytes of a value in memory; a predicate has none (0).
std::uint32_t byteSize(Type type);
bool isSigned(Type type);   // s8 to s64
bool isUnsigned(Type type); // u8 to u64
bool isBits(Type type);     // b8 to b128
bool isInteger(Type type);  // signed or unsigned
bool isFloat(Type type);    // every floating type, packed ones included

enum class StateSpace : std::uint8_t {
  Generic,
  Global,
  Shared,        // .shared and .shared::cta
  SharedCluster, // .shared::cluster
  Local,
  Constant,
  Parameter, // kernel parameters (.param::entry) in kernels
  Register,
};
std::string_view name(StateSpace space);

} // namespace qvlsim
