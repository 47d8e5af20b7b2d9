#include "Simulation.h"

#include "qvlsim/TensorMap.h"

#include "absl/strings/str_format.h"

#include <algorithm>
#include <cstring>

namespace qvlptxsim {
namespace {

using qvlsim::DeviceMemory;
using qvlsim::KernelInfo;

qvlsim::Dim3 dim3(const Extents &extents) { return {extents[0], extents[1], extents[2]}; }

absl::StatusOr<const KernelInfo *> findKernel(const qvlsim::Module &module,
                                              const LaunchFlags &flags) {
  if (const KernelInfo *kernel = module.find(flags.kernel))
    return kernel;
  std::string names;
  for (const KernelInfo &kernel : module.kernels())
    names += (names.empty() ? "" : ", ") + kernel.name;
  return absl::InvalidArgumentError(absl::StrFormat("%s: has no kernel %s, only %s", flags.file,
                                                    flags.kernel, names.empty() ? "none" : names));
}

absl::StatusOr<std::uint64_t> upload(DeviceMemory &memory, std::span<const std::uint8_t> bytes,
                                     std::uint64_t align) {
  absl::StatusOr<std::uint64_t> address = memory.allocate(bytes.size(), align);
  if (!address.ok())
    return absl::InvalidArgumentError(
        absl::StrFormat("the buffers do not fit: %s (--memory)", address.status().message()));
  if (absl::Status status = memory.write(*address, std::as_bytes(bytes)); !status.ok())
    return status;
  return *address;
}

absl::StatusOr<std::vector<std::uint8_t>> encode(const TensorMapText &text, std::uint64_t address) {
  qvlsim::TensorMapArguments map;
  map.dataType = text.dataType;
  map.rank = text.rank;
  map.globalAddress = address;
  map.dims = text.dims;
  map.strides = text.strides;
  map.box = text.box;
  map.elementStrides = text.steps;
  map.swizzle = text.swizzle;
  map.fill = text.fill;
  std::vector<std::uint8_t> bytes(qvlsim::kTensorMapBytes);
  absl::Status status = qvlsim::encodeTensorMap(
      map, std::span<std::byte, qvlsim::kTensorMapBytes>(
               reinterpret_cast<std::byte *>(bytes.data()), qvlsim::kTensorMapBytes));
  if (!status.ok())
    return status;
  return bytes;
}

template <typename T> std::vector<std::uint8_t> bytesOf(T value) {
  std::vector<std::uint8_t> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// The bytes of an argument in the parameter buffer; uploads its buffer to `*address`.
absl::StatusOr<std::vector<std::uint8_t>> place(const Argument &argument, DeviceMemory &memory,
                                                std::uint64_t *address) {
  if (!argument.buffer)
    return argument.value;
  absl::StatusOr<std::uint64_t> at = upload(memory, argument.buffer->bytes, 1024);
  if (!at.ok())
    return at.status();
  *address = *at;
  if (!argument.tensorMap)
    return bytesOf(*at);
  absl::StatusOr<std::vector<std::uint8_t>> map = encode(*argument.tensorMap, *at);
  if (!map.ok())
    return absl::InvalidArgumentError(
        absl::StrFormat("--arg=%s: %s", argument.text, map.status().message()));
  if (!argument.mapByAddress)
    return map;
  absl::StatusOr<std::uint64_t> mapAddress = upload(memory, *map, 64);
  if (!mapAddress.ok())
    return mapAddress.status();
  return bytesOf(*mapAddress);
}

absl::Status checkCount(const LaunchFlags &flags, const KernelInfo &kernel, std::size_t given) {
  if (given == kernel.parameters.size())
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: kernel %s has %u parameters, but --arg gives %u", flags.file,
                      kernel.name, kernel.parameters.size(), given));
}

} // namespace

absl::StatusOr<qvlsim::LaunchResult> simulate(const LaunchFlags &flags,
                                              std::vector<Argument> &arguments,
                                              qvlsim::LaunchOptions options,
                                              std::uint64_t memoryBytes) {
  absl::StatusOr<std::string> text = readText(flags.file);
  if (!text.ok())
    return text.status();
  absl::StatusOr<std::shared_ptr<const qvlsim::Module>> module =
      qvlsim::Module::parse(*text, flags.file);
  if (!module.ok())
    return module.status();
  absl::StatusOr<const KernelInfo *> kernel = findKernel(**module, flags);
  if (!kernel.ok())
    return kernel.status();
  if (absl::Status status = checkCount(flags, **kernel, arguments.size()); !status.ok())
    return status;

  DeviceMemory memory(memoryBytes);
  absl::StatusOr<std::unique_ptr<qvlsim::ModuleInstance>> instance =
      qvlsim::ModuleInstance::create(*module, memory);
  if (!instance.ok())
    return instance.status();
  std::vector<std::byte> parameters((*kernel)->parameterBytes);
  std::vector<std::uint64_t> addresses(arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    absl::StatusOr<std::vector<std::uint8_t>> bytes = place(arguments[i], memory, &addresses[i]);
    if (!bytes.ok())
      return bytes.status();
    const qvlsim::ParameterInfo &parameter = (*kernel)->parameters[i];
    if (bytes->size() != parameter.size)
      return absl::InvalidArgumentError(absl::StrFormat(
          "--arg=%s: argument %u has %u bytes, parameter %s (.%s) has %u", arguments[i].text, i,
          bytes->size(), parameter.name, parameter.type, parameter.size));
    std::memcpy(parameters.data() + parameter.offset, bytes->data(), bytes->size());
  }

  options.grid = dim3(flags.grid);
  options.block = dim3(flags.block);
  options.cluster = dim3(flags.cluster);
  options.dynamicSharedBytes = flags.sharedBytes;
  qvlsim::LaunchResult result =
      qvlsim::launch(**instance, flags.kernel, parameters, memory, options);
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].buffer) {
      const std::span<std::uint8_t> bytes = arguments[i].buffer->bytes;
      absl::Status status = memory.read(addresses[i], std::as_writable_bytes(bytes));
      if (!status.ok())
        return status;
    }
  return result;
}

} // namespace qvlptxsim
