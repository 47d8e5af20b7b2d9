#include "qvlrt/executor.h"

#include "DeviceWeights.h"
#include "FlatbufferViews.h"
#include "MemoryPlan.h"
#include "ReadAhead.h"
#include "ReplaySlot.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <chrono>

namespace qvlrt {

namespace {

using qvlfmt::BufferKind, qvlfmt::CommandKind;

/// Appends one record a command when the caller wants them. Waits for the device around each, so
/// that times are the command's own.
class CommandTimer {
public:
  CommandTimer(std::vector<CommandRecord> *records, Device &device)
      : records(records), device(device), start(Clock::now()) {}

  void begin() {
    if (records)
      begun = Clock::now();
  }

  absl::Status end(std::string_view label, std::string_view kernel) {
    if (!records)
      return absl::OkStatus();
    if (absl::Status status = device.synchronize(); !status.ok())
      return absl::Status(status.code(), absl::StrCat(std::string(kernel), ": ", status.message()));
    records->push_back({label, kernel, micros(begun - start), micros(Clock::now() - begun)});
    return absl::OkStatus();
  }

private:
  using Clock = std::chrono::steady_clock;
  static double micros(Clock::duration duration) {
    return std::chrono::duration<double, std::micro>(duration).count();
  }

  std::vector<CommandRecord> *records; // borrowed, may be null
  Device &device;
  Clock::time_point start;
  Clock::time_point begun;
};

class ExecutorImpl final : public Executor {
public:
  ExecutorImpl(const Module &module, Device &device, const qvlfmt::Target &target, bool replay)
      : source(module), machine(device), code(target),
        replays(replay && device.limits().recordsWork), weights(device) {}

  absl::Status load();

  const Module &module() const override { return source; }
  Device &device() const override { return machine; }
  const qvlfmt::Target &target() const override { return code; }
  absl::StatusOr<std::uint32_t> program(std::string_view name) const override;
  absl::StatusOr<std::vector<DeviceTensor>> run(std::uint32_t program,
                                                std::span<const DeviceTensor> arguments,
                                                std::vector<CommandRecord> *records) override;
  absl::StatusOr<std::uint64_t> planMemory(std::uint32_t program,
                                           std::span<const ArgumentShape> arguments) override;
  std::uint64_t arenaBytes() const override { return arena.bytes(); }

private:
  void readAhead(const qvlfmt::Program &program);
  absl::Status growArena(std::uint64_t bytes, std::string_view program);
  absl::StatusOr<std::vector<DeviceRange>> bind(const PlannedProgram &program,
                                                const MemoryPlan &plan,
                                                std::span<const DeviceTensor> arguments,
                                                std::span<const std::uint32_t> order) const;
  absl::Status runCommands(const qvlfmt::Program &program, const MemoryPlan &plan,
                           std::span<const DeviceRange> buffers, CommandTimer &timer);
  absl::Status runLaunch(const qvlfmt::Command &command, const MemoryPlan &plan,
                         std::span<const DeviceRange> buffers);
  absl::Status runCommand(const qvlfmt::Command &command, const MemoryPlan &plan,
                          std::span<const DeviceRange> buffers);
  std::string_view commandName(const qvlfmt::Command &command) const;

  const Module &source;
  Device &machine;
  const qvlfmt::Target &code;
  const bool replays;
  std::unique_ptr<LoadedKernels> kernels;
  std::vector<PlannedProgram> programs;
  DeviceWeights weights;
  ReadAhead reader;
  DeviceBuffer arena;
  std::vector<ReplaySlot> slots;     // by program
  std::vector<void *> launchBuffers; // reused between launches
  std::vector<std::int64_t> launchScalars;
};

absl::Status ExecutorImpl::load() {
  QVLRT_ASSIGN_OR_RETURN(kernels, machine.loadKernels(code, source.path()));
  for (std::uint32_t i = 0; i < countOf(code.programs()); ++i)
    programs.emplace_back(*code.programs()->Get(i));
  slots.resize(programs.size());
  return weights.load(source, code);
}

absl::StatusOr<std::uint32_t> ExecutorImpl::program(std::string_view name) const {
  for (std::uint32_t i = 0; i < programs.size(); ++i)
    if (viewOf(programs[i].program().name()) == name)
      return i;
  return absl::NotFoundError(absl::StrCat(source.path(), ": target ", code.name()->c_str(),
                                          " has no program ", std::string(name),
                                          "; compile the checkpoint again"));
}

absl::StatusOr<std::uint64_t> ExecutorImpl::planMemory(std::uint32_t program,
                                                       std::span<const ArgumentShape> arguments) {
  std::vector<std::uint32_t> order;
  QVLRT_ASSIGN_OR_RETURN(std::vector<Shape> shapes,
                         programs[program].matchArguments(arguments, order));
  // Without a limit: the question is how much a run would need, on any machine.
  QVLRT_ASSIGN_OR_RETURN(const MemoryPlan *plan, programs[program].plan(shapes, UINT64_MAX));
  return plan->arenaBytes;
}

/// Weights lie in the file in the order in which programs read them, so from the first one of the
/// first program to the end: a request without a picture does not wait for the vision encoder. Not
/// where the file would push its own pages out of memory.
void ExecutorImpl::readAhead(const qvlfmt::Program &program) {
  if (reader.started())
    return;
  const DeviceLimits limits = machine.limits();
  if (!limits.runsKernels || !limits.hostAddressable)
    return;
  std::span<const std::byte> pages;
  for (std::uint32_t i = 0; i < countOf(program.buffers()); ++i) {
    const qvlfmt::Buffer &buffer = *program.buffers()->Get(i);
    if (buffer.kind() != BufferKind::Weight)
      continue;
    std::span<const std::byte> rest = source.bytesFromWeight(buffer.index());
    if (rest.size() > pages.size())
      pages = rest;
  }
  const bool fit = pages.size() <= limits.maxAllocation;
  reader.start(fit ? pages : std::span<const std::byte>());
}

absl::Status ExecutorImpl::growArena(std::uint64_t bytes, std::string_view program) {
  if (bytes <= arena.bytes())
    return absl::OkStatus();
  arena = DeviceBuffer(); // first: both at once may not fit
  absl::StatusOr<DeviceBuffer> larger = DeviceBuffer::allocate(machine, bytes);
  if (!larger.ok())
    return absl::ResourceExhaustedError(
        absl::StrCat(std::string(program), ": this input needs an arena of ", bytes,
                     " bytes: ", larger.status().message(),
                     "; use a smaller picture (--max-pixels), a smaller --prefill-chunk",
                     machine.limits().hostAddressable ? "" : " or --device=cpu"));
  arena = *std::move(larger);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceRange>>
ExecutorImpl::bind(const PlannedProgram &planned, const MemoryPlan &plan,
                   std::span<const DeviceTensor> arguments,
                   std::span<const std::uint32_t> order) const {
  const qvlfmt::Program &program = planned.program();
  std::vector<DeviceRange> ranges(countOf(program.buffers()));
  for (std::uint32_t i = 0; i < ranges.size(); ++i) {
    const qvlfmt::Buffer &buffer = *program.buffers()->Get(i);
    switch (buffer.kind()) {
    case BufferKind::Argument: {
      const DeviceTensor &argument = arguments[order[buffer.index()]];
      if (argument.data.bytes < plan.bytes[i] || argument.data.address % kBufferAlignment != 0)
        return absl::InvalidArgumentError(
            absl::StrCat(program.name()->c_str(), ": argument ", buffer.name()->c_str(), " needs ",
                         plan.bytes[i], " bytes at a multiple of ", kBufferAlignment, ", got ",
                         argument.data.bytes, " at ", argument.data.address));
      ranges[i] = argument.data.subrange(0, plan.bytes[i]);
      break;
    }
    case BufferKind::Transient:
      ranges[i] = arena.range().subrange(plan.places[i], plan.bytes[i]);
      break;
    case BufferKind::Weight:
      ranges[i] = weights[buffer.index()];
      break;
    case BufferKind::View: // of a buffer with a smaller number
      // The plan has seen to all but weights, whose stored bytes it does not know.
      if (plan.bytes[i] > ranges[planned.root(i)].bytes)
        return absl::InvalidArgumentError(
            absl::StrCat(source.path(), ": ", program.name()->c_str(), ": buffer ", i, " of ",
                         plan.bytes[i], " bytes is a view of a weight of ",
                         ranges[planned.root(i)].bytes, "; compile the checkpoint again"));
      ranges[i] = ranges[planned.root(i)].subrange(0, plan.bytes[i]);
      break;
    }
  }
  return ranges;
}

absl::Status ExecutorImpl::runLaunch(const qvlfmt::Command &command, const MemoryPlan &plan,
                                     std::span<const DeviceRange> buffers) {
  launchBuffers.clear();
  for (std::uint32_t buffer : spanOf(command.buffers()))
    launchBuffers.push_back(buffers[buffer].pointer());
  launchScalars.clear();
  for (std::uint32_t scalar : spanOf(command.scalars()))
    launchScalars.push_back(plan.sizes[scalar]);
  return machine.launch(
      *kernels, {command.kernel(), plan.sizes[command.grid()], launchBuffers, launchScalars});
}

absl::Status ExecutorImpl::runCommand(const qvlfmt::Command &command, const MemoryPlan &plan,
                                      std::span<const DeviceRange> buffers) {
  switch (command.kind()) {
  case CommandKind::Launch:
    return runLaunch(command, plan, buffers);
  case CommandKind::Fill:
    return machine.fill(buffers[command.buffers()->Get(0)], command.fill());
  case CommandKind::Copy:
    return machine.copy(buffers[command.buffers()->Get(1)], buffers[command.buffers()->Get(0)]);
  }
  return absl::InternalError("a command kind that the verifier let through");
}

std::string_view ExecutorImpl::commandName(const qvlfmt::Command &command) const {
  if (command.kind() == CommandKind::Launch)
    return viewOf(code.kernels()->Get(command.kernel())->name());
  return command.kind() == CommandKind::Fill ? "fill" : "copy";
}

absl::Status ExecutorImpl::runCommands(const qvlfmt::Program &program, const MemoryPlan &plan,
                                       std::span<const DeviceRange> buffers, CommandTimer &timer) {
  for (std::uint32_t i = 0; i < countOf(program.commands()); ++i) {
    const qvlfmt::Command &command = *program.commands()->Get(i);
    timer.begin();
    absl::Status status = runCommand(command, plan, buffers);
    if (status.ok())
      status = timer.end(viewOf(command.label()), commandName(command));
    if (!status.ok())
      return absl::Status(status.code(), absl::StrCat(program.name()->c_str(), ": command ", i,
                                                      " (", std::string(viewOf(command.label())),
                                                      "): ", status.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeviceTensor>> ExecutorImpl::run(std::uint32_t number,
                                                            std::span<const DeviceTensor> arguments,
                                                            std::vector<CommandRecord> *records) {
  PlannedProgram &planned = programs[number];
  const qvlfmt::Program &program = planned.program();
  std::vector<ArgumentShape> shapesByName;
  for (const DeviceTensor &argument : arguments)
    shapesByName.push_back({argument.name, argument.element, argument.dims});
  std::vector<std::uint32_t> order;
  QVLRT_ASSIGN_OR_RETURN(std::vector<Shape> shapes, planned.matchArguments(shapesByName, order));
  QVLRT_ASSIGN_OR_RETURN(const MemoryPlan *plan,
                         planned.plan(shapes, machine.limits().maxAllocation));
  QVLRT_RETURN_IF_ERROR(growArena(plan->arenaBytes, viewOf(program.name())));
  QVLRT_ASSIGN_OR_RETURN(std::vector<DeviceRange> buffers, bind(planned, *plan, arguments, order));

  readAhead(program);
  if (records) // what was enqueued before is not the first command's
    QVLRT_RETURN_IF_ERROR(machine.synchronize());
  CommandTimer timer(records, machine);
  const auto enqueue = [&] { return runCommands(program, *plan, buffers, timer); };
  // A replay has no commands that could be timed.
  QVLRT_RETURN_IF_ERROR(replays && !records ? slots[number].run(machine, shapes, buffers, enqueue)
                                            : enqueue());

  std::vector<DeviceTensor> results;
  for (std::uint32_t i = 0; i < countOf(program.results()); ++i) {
    std::uint32_t buffer = program.results()->Get(i);
    const qvlfmt::Buffer &source = *program.buffers()->Get(buffer);
    results.push_back({viewOf(program.result_names()->Get(i)), source.element(),
                       plan->shapeOf(source), buffers[buffer]});
  }
  return results;
}

} // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::create(const Module &module, Device &device,
                                                           const ExecutorOptions &options) {
  const qvlfmt::Target *target = module.artifact().targets()->Get(0);
  const std::string_view wanted = device.limits().runsKernels ? device.name() : options.target;
  if (!wanted.empty()) {
    QVLRT_ASSIGN_OR_RETURN(target, module.target(wanted));
  }
  auto executor = std::make_unique<ExecutorImpl>(module, device, *target, options.replay);
  QVLRT_RETURN_IF_ERROR(executor->load());
  return executor;
}

} // namespace qvlrt
