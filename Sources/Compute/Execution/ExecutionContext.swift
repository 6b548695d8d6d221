// What every layer of one rank works with: the threads, and memory that no two layers use at once.

/// Threads and shared working memory. Layers reserve what they need when they are made; nothing grows afterwards.
///
/// `@unchecked Sendable`: layers run one after another on the rank's own thread; only tasks run side by side.
package final class ExecutionContext: @unchecked Sendable {
  package let workers: WorkerPool
  /// The kernels of 3x3 layers that are made with this context.
  package let convolution: ConvolutionAlgorithm
  private var reserved = 0
  private var memory: AlignedMemory?
  /// Takes the time of each stage, where someone asks for it; nil costs nothing.
  package var stopwatch: Stopwatch?
  /// Hears which parameters are read and which gradients written, where ranks train together.
  package weak var traffic: (any ParameterSynchronization)?

  package init(workers: WorkerPool, convolution: ConvolutionAlgorithm = .winograd) {
    self.workers = workers
    self.convolution = convolution
  }

  /// Asks that `workspace` hold at least this many floats.
  package func reserve(floats: Int) {
    if floats > reserved {
      reserved = floats
      memory = nil
    }
  }

  /// Memory for one layer's pass; what it holds is lost with the next layer's.
  package var workspace: UnsafeMutablePointer<Float> {
    if memory == nil { memory = AlignedMemory(floats: max(reserved, 16)) }
    return memory!.pointer
  }

  /// Says that what follows, up to the next call, is this pass of this layer.
  @inline(__always)
  package func stage(_ layer: @autoclosure () -> String, _ pass: Pass) {
    if stopwatch == nil && traffic == nil { return }
    let stage = Stage(layer(), pass)
    traffic?.reached(stage)
    stopwatch?.begin(stage)
  }

  /// Says that a layer is about to read its parameters; they are the new ones when this returns.
  package func need(_ layer: @autoclosure () -> String) { traffic?.need(layer()) }

  /// Says that a layer has written its parameters' gradient.
  package func gradientIsComplete(of layer: @autoclosure () -> String) { traffic?.gradientIsComplete(of: layer()) }

  /// Runs a kernel's tasks over the threads.
  package func run(_ tasks: Int, _ body: (_ task: Int) -> Void) {
    workers.run(tasks) { task, _ in body(task) }
  }

  /// Runs a kernel's tasks over the threads, each with scratch memory of its own.
  package func run(
    _ tasks: Int, scratch floats: Int, _ body: (_ task: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    workers.run(tasks) { task, worker in body(task, workers.scratch(worker, floats: floats)) }
  }
}
