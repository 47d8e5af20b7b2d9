#include "Parse/Types.h"

#include <array>
#include <utility>

namespace qvlsim {
namespace {

struct TypeRow {
  std::string_view name;
  Type type;
  std::uint32_t bytes;
};

constexpr TypeRow kTypes[] = {
    {"b8", Type::B8, 1},         {"b16", Type::B16, 2},       {"b32", Type::B32, 4},
    {"b64", Type::B64, 8},       {"b128", Type::B128, 16},    {"u8", Type::U8, 1},
    {"u16", Type::U16, 2},       {"u32", Type::U32, 4},       {"u64", Type::U64, 8},
    {"s8", Type::S8, 1},         {"s16", Type::S16, 2},       {"s32", Type::S32, 4},
    {"s64", Type::S64, 8},       {"f16", Type::F16, 2},       {"bf16", Type::BF16, 2},
    {"f32", Type::F32, 4},       {"f64", Type::F64, 8},       {"f16x2", Type::F16x2, 4},
    {"bf16x2", Type::BF16x2, 4}, {"f32x2", Type::F32x2, 8},   {"u16x2", Type::U16x2, 4},
    {"s16x2", Type::S16x2, 4},   {"e4m3", Type::E4M3, 1},     {"e5m2", Type::E5M2, 1},
    {"e4m3x2", Type::E4M3x2, 2}, {"e5m2x2", Type::E5M2x2, 2}, {"tf32", Type::TF32, 4},
    {"pred", Type::Pred, 0},
};

const TypeRow &row(Type type) { return kTypes[static_cast<std::size_t>(type)]; }

constexpr bool rowsMatch() {
  for (std::size_t i = 0; i < std::size(kTypes); ++i)
    if (kTypes[i].type != static_cast<Type>(i))
      return false;
  return true;
}
static_assert(rowsMatch(), "one row a type, in order");

} // namespace

std::optional<Type> typeFromName(std::string_view name) {
  for (const TypeRow &row : kTypes)
    if (row.name == name)
      return row.type;
  return std::nullopt;
}

std::string_view name(Type type) { return row(type).name; }
std::uint32_t byteSize(Type type) { return row(type).bytes; }
bool isSigned(Type type) { return type >= Type::S8 && type <= Type::S64; }
bool isUnsigned(Type type) { return type >= Type::U8 && type <= Type::U64; }
bool isBits(Type type) { return type <= Type::B128; }
bool isInteger(Type type) { return type >= Type::U8 && type <= Type::S64; }
bool isFloat(Type type) {
  return type >= Type::F16 && type <= Type::TF32 && type != Type::U16x2 && type != Type::S16x2;
}

std::string_view name(StateSpace space) {
  switch (space) {
  case StateSpace::Generic:
    return "generic";
  case StateSpace::Global:
    return "global";
  case StateSpace::Shared:
    return "shared";
  case StateSpace::SharedCluster:
    return "shared::cluster";
  case StateSpace::Local:
    return "local";
  case StateSpace::Constant:
    return "const";
  case StateSpace::Parameter:
    return "param";
  case StateSpace::Register:
    return "reg";
  }
  return "?";
}

} // namespace qvlsim
