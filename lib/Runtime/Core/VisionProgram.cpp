#include "qvlrt/vision_program.h"

#include "qvlrt/operand_staging.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

namespace qvlrt {

using qvlfmt::ElementType;

absl::StatusOr<VisionProgram> VisionProgram::create(Executor &executor) {
  QVLRT_ASSIGN_OR_RETURN(std::uint32_t program, executor.program("vision"));
  return VisionProgram(executor, program);
}

absl::Status VisionProgram::run(const VisionCall &call, DeviceRange features,
                                std::vector<CommandRecord> *records) {
  const qvlfmt::ModelFacts &facts = executor->module().facts();
  VisionLimits limits = VisionLimits::of(facts);
  QVLRT_RETURN_IF_ERROR(checkVisionCall(call, limits));

  std::int64_t rows = std::ssize(call.pixels) / limits.patchRow;
  // Not kept between calls: pixels are the largest operand, and a request has them once.
  OperandStaging staging(executor->device());
  staging.add("pixels", ElementType::F32, {rows, limits.patchRow}, call.pixels);
  staging.add("positions", ElementType::I32, {2, rows}, call.positions);
  staging.add("window", ElementType::I32, {rows / limits.groupRows}, call.window);
  staging.add("windows", ElementType::I32, {std::ssize(call.windows)}, call.windows);
  staging.add("frames", ElementType::I32, {std::ssize(call.frames)}, call.frames);
  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceTensor> arguments, staging.upload());

  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceTensor> results,
                         executor->run(program, arguments, records));
  Shape expected = {rows / limits.groupRows, facts.hidden_size()};
  for (const DeviceTensor &result : results)
    if (result.name == "features" && result.element == ElementType::F32 && result.dims == expected)
      return executor->device().copy(features, result.data);
  return absl::InvalidArgumentError(absl::StrCat("the program vision has no result features f32 [",
                                                 expected[0], ", ", expected[1],
                                                 "]; compile the checkpoint again"));
}

absl::StatusOr<std::uint64_t> VisionProgram::planMemory(std::int64_t patches, std::int64_t windows,
                                                        std::int64_t frames) const {
  VisionLimits limits = VisionLimits::of(executor->module().facts());
  const ArgumentShape shapes[] = {{"pixels", ElementType::F32, {patches, limits.patchRow}},
                                  {"positions", ElementType::I32, {2, patches}},
                                  {"window", ElementType::I32, {patches / limits.groupRows}},
                                  {"windows", ElementType::I32, {windows + 1}},
                                  {"frames", ElementType::I32, {frames + 1}}};
  return executor->planMemory(program, shapes);
}

} // namespace qvlrt
