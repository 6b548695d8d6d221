// The execution resources that all layers of one rank share: threads, and working memory that no two layers use at
// once.

/// Threads and shared working memory. Layers reserve working memory when they are made; it does not grow afterwards.
///
/// `@unchecked Sendable`: layers run one after another on the rank's own thread; only the tasks of one layer run side
/// by side.
package final class ExecutionContext: @unchecked Sendable {
  package let workers: WorkerPool
  /// The kernels of 3x3 layers that are made with this context.
  package let convolution: ConvolutionAlgorithm
  private var reserved = 0
  private var memory: AlignedMemory?
  /// Takes the time of each stage where it is set.
  package var stopwatch: Stopwatch?
  /// Set while ranks train together.
  package weak var synchronization: (any ParameterSynchronization)?

  package init(workers: WorkerPool, convolution: ConvolutionAlgorithm = .winograd) {
    self.workers = workers
    self.convolution = convolution
  }

  /// Makes sure that `workspace` will hold at least this many floats.
  package func reserve(floats: Int) {
    if floats > reserved {
      reserved = floats
      memory = nil
    }
  }

  /// Memory for one pass of one layer. The next layer overwrites it.
  package var workspace: UnsafeMutablePointer<Float> {
    if memory == nil { memory = AlignedMemory(floats: max(reserved, 16)) }
    return memory!.pointer
  }

  /// Announces that the work up to the next call is this stage.
  @inline(__always)
  package func stage(_ layer: @autoclosure () -> String, _ kind: StageKind, _ pass: Pass) {
    if stopwatch == nil && synchronization == nil { return }
    let stage = Stage(layer(), kind, pass)
    synchronization?.reached(stage)
    stopwatch?.begin(stage)
  }

  /// Waits until a layer's parameters are those of the last update.
  package func need(_ layer: LayerParameters) { synchronization?.need(layer) }

  /// Announces that a layer has written the gradient of its parameters.
  package func gradientIsComplete(of layer: LayerParameters) { synchronization?.gradientIsComplete(of: layer) }

  /// Runs the tasks of a kernel on all threads.
  package func run(_ tasks: Int, _ body: (_ task: Int) -> Void) {
    workers.run(tasks) { task, _ in body(task) }
  }

  /// Runs the tasks of a kernel on all threads, each with scratch memory of its own.
  package func run(
    _ tasks: Int, scratch floats: Int, _ body: (_ task: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    workers.run(tasks) { task, worker in body(task, workers.scratch(worker, floats: floats)) }
  }
}
