// Approximate functions (.approx, .full).
//
// They are computed in double and rounded once, so that they are within the error that the PTX ISA
// allows (2 ulp for most; 2^-20.9 absolute for sin and cos) but do not repeat the hardware bit for
// bit.
#include "Isa/Dispatch.h"
#include "Isa/Float.h"

#include <bit>
#include <cmath>

namespace qvlsim {
namespace {

using U32 = std::uint32_t;
enum Function : U32 { Ex2, Lg2, Sine, Cosine, Tanh, ReciprocalRoot, Reciprocal, Root, Divide };

double evaluate(U32 function, double a, double b) {
  switch (function) {
  case Ex2:
    return std::exp2(a);
  case Lg2:
    return std::log2(a);
  case Sine:
    return std::sin(a);
  case Cosine:
    return std::cos(a);
  case Tanh:
    return std::tanh(a);
  case ReciprocalRoot:
    return 1 / std::sqrt(a);
  case Reciprocal:
    return 1 / a;
  case Root:
    return std::sqrt(a);
  default:
    return a / b;
  }
}

bool isPacked(Type type) { return type == Type::F16x2 || type == Type::BF16x2; }

Step approximateHandler(Warp &warp, const Instruction &i, LaneMask mask) {
  const bool two = i.variant == Divide;
  if (i.type == Type::F64) {
    forLanes(mask, [&](unsigned lane) {
      double a = readLane<double>(warp, i.operands[1], lane);
      if (i.flushSubnormals && std::fpclassify(a) == FP_SUBNORMAL)
        a = std::copysign(0.0, a);
      // Only the upper half of the result is defined; the lower is zero.
      auto bits = std::bit_cast<std::uint64_t>(evaluate(i.variant, a, 1)) & 0xFFFFFFFF00000000U;
      writeLane<std::uint64_t>(warp, i.operands[0], lane, bits);
    });
    return Step::Next;
  }
  if (i.type == Type::F32) {
    forLanes(mask, [&](unsigned lane) {
      auto a = readLane<float>(warp, i.operands[1], lane),
           b = two ? readLane<float>(warp, i.operands[2], lane) : 1.0f;
      if (i.flushSubnormals) {
        a = flushed(a);
        b = flushed(b);
      }
      auto result = static_cast<float>(evaluate(i.variant, a, b));
      writeLane<float>(warp, i.operands[0], lane,
                       canonical(i.flushSubnormals ? flushed(result) : result));
    });
    return Step::Next;
  }
  const Format format = formatOf(i.type);
  forLanes(mask, [&](unsigned lane) {
    U32 source = readLane<U32>(warp, i.operands[1], lane), result = 0;
    for (unsigned at = 0; at < (isPacked(i.type) ? 32U : 16U); at += 16)
      result |= static_cast<U32>(encodeFloat(
                    format, evaluate(i.variant, decodeFloat(format, source >> at & 0xFFFF), 1)))
                << at;
    writeLane<U32>(warp, i.operands[0], lane, result);
  });
  return Step::Next;
}

void decodeFunction(Decoder &d, U32 function, std::initializer_list<Type> types) {
  d.out.instructionClass = InstructionClass::Float;
  d.out.variant = function;
  d.out.flushSubnormals = d.accept("ftz");
  d.out.type = d.type(types);
  bool half = d.out.type != Type::F32 && d.out.type != Type::F64;
  plainOperands(d, half ? (isPacked(d.out.type) ? Type::B32 : Type::B16) : d.out.type,
                function == Divide ? 2 : 1);
  d.out.handler = approximateHandler;
}

template <U32 kFunction> absl::Status decodeApproxOnly(Decoder &d) {
  d.oneOf({"approx"});
  if (kFunction == Ex2 || kFunction == Tanh)
    decodeFunction(d, kFunction, {Type::F32, Type::F16, Type::F16x2, Type::BF16, Type::BF16x2});
  else if (kFunction == ReciprocalRoot)
    decodeFunction(d, kFunction, {Type::F32, Type::F64});
  else
    decodeFunction(d, kFunction, {Type::F32});
  return absl::OkStatus();
}

} // namespace

absl::Status decodeApproximate(Decoder &d) {
  std::string_view opcode = d.statement().opcode;
  if (opcode == "div") {
    d.oneOf({"approx", "full"});
    decodeFunction(d, Divide, {Type::F32});
    return absl::OkStatus();
  }
  d.oneOf({"approx"});
  if (opcode == "rcp")
    decodeFunction(d, Reciprocal, {Type::F32, Type::F64});
  else if (opcode == "sqrt")
    decodeFunction(d, Root, {Type::F32});
  else
    d.fail("this operation has no approximate form");
  return absl::OkStatus();
}

void addApproximateInstructions(InstructionTable &table) {
  table.add("ex2", decodeApproxOnly<Ex2>);
  table.add("lg2", decodeApproxOnly<Lg2>);
  table.add("sin", decodeApproxOnly<Sine>);
  table.add("cos", decodeApproxOnly<Cosine>);
  table.add("tanh", decodeApproxOnly<Tanh>);
  table.add("rsqrt", decodeApproxOnly<ReciprocalRoot>);
}

} // namespace qvlsim
