// The benchmark `dnet bench --accuracy`: the error of each fast kernel at the shapes of the network's layers.
//
// Kernels run whole, on values like those of training: rectified normals for activations, He's normals for weights,
// normals for gradients. Each output element is then computed again by its definition, in Double and as one chain of
// float32. If there are many elements, a sample is chosen by counter-based randomness: the same on every machine.
//
//   N images of a shard   S input side   C, K input and output channels
import Compute
import Kernels
import Layers
import Models
import Randomness

/// An output element computed by its definition.
struct Element {
  var truth: Double
  /// The result of the plain loop in float32.
  var direct: Float

  static let zero = Element(truth: 0, direct: 0)

  /// Adds a product to both sums.
  @inline(__always)
  mutating func add(_ a: Float, _ b: Float) {
    truth += Double(a) * Double(b)
    direct.addProduct(a, b)
  }

  @inline(__always)
  mutating func add(_ a: Float) {
    truth += Double(a)
    direct += a
  }
}

package final class AccuracyBenchmark {
  /// The layers of the network, which give the shapes.
  let specs: [any LayerSpec]
  let images: Int
  let context: ExecutionContext
  private let mostSamples: Int
  private let seed: UInt64
  private let progress: (String) -> Void
  private var streams: UInt64 = 0
  private var report: AccuracyReport

  /// The largest number of products that the definitions of one result may take.
  private static let mostTerms = 200_000_000
  private static let fewestSamples = 256

  /// - Parameter samples: the largest number of elements of each result that are compared.
  package init(
    _ model: any Model, images: Int, samples: Int = 4096, seed: UInt64 = 1, workers: WorkerPool,
    progress: @escaping (String) -> Void = { _ in }
  ) {
    specs = model.groups.flatMap(\.layers.specs)
    self.images = images
    self.seed = seed
    self.progress = progress
    mostSamples = samples
    context = ExecutionContext(workers: workers)
    report = AccuracyReport(model.shape, shardSize: images, blasCore: BLAS.coreName)
  }

  /// The layers of one type.
  func specs<Spec: LayerSpec>(of type: Spec.Type) -> [Spec] { specs.compactMap { $0 as? Spec } }

  /// A layer's name without its section.
  static func shortName(_ spec: any LayerSpec) -> String {
    spec.name.split(separator: ".").dropFirst().joined(separator: ".")
  }

  package func run() -> AccuracyReport {
    measureConvolutions()
    measureFirstLayer()
    measureProducts()
    measureNormalization()
    measurePooling()
    measureScores()
    measureLosses()
    measureUpdate()
    return report
  }

  // MARK: Values

  enum Values {
    case normal(Double)
    /// max(0, x), as after a ReLU.
    case rectified
    /// Normal with a mean far from 0.
    case shifted(mean: Double, deviation: Double)
    case uniform(Double, Double)
  }

  /// Returns new memory with random values, each a function of its place and of the number of the call.
  func values(_ count: Int, _ kind: Values) -> AlignedMemory {
    let memory = AlignedMemory(floats: count)
    streams += 1
    let (stream, block) = (streams, 1 << 16)
    context.run((count + block - 1) / block) { task in
      let part = UnsafeMutableBufferPointer(
        start: memory.pointer + task * block, count: min(block, count - task * block))
      var random = CounterRandom(seed: self.seed, .accuracyOperands, stream, UInt64(task))
      switch kind {
      case .normal(let deviation): random.fillGaussian(part, standardDeviation: deviation)
      case .rectified:
        random.fillGaussian(part, standardDeviation: 1)
        for index in part.indices { part[index] = max(part[index], 0) }
      case .shifted(let mean, let deviation):
        random.fillGaussian(part, standardDeviation: deviation)
        for index in part.indices { part[index] += Float(mean) }
      case .uniform(let low, let high):
        for index in part.indices { part[index] = Float(random.uniform(low, high)) }
      }
    }
    return memory
  }

  /// Returns weights of unit gain after a ReLU (He).
  func weights(_ count: Int, fanIn: Int) -> AlignedMemory { values(count, .normal((2 / Double(fanIn)).squareRoot())) }

  // MARK: Comparison

  /// Compares a result with its definition and adds a row.
  ///
  /// - Parameters:
  ///   - isLong: `element` takes as many steps as there are terms.
  ///   - element: called for indices in 0..<count, on all threads.
  func compare(
    _ kernel: String, _ layers: String, terms: Int, isLong: Bool = true, _ result: UnsafePointer<Float>, count: Int,
    element: (_ index: Int) -> Element
  ) {
    progress("\(kernel), \(layers)")
    let affordable = max(Self.mostTerms / (isLong ? terms : 1), Self.fewestSamples)
    let samples = min(count, mostSamples, affordable)
    streams += 1
    var random = CounterRandom(seed: seed, .accuracySamples, streams)
    let indices = samples == count ? Array(0..<count) : (0..<samples).map { _ in random.integer(below: count) }
    var elements = [Element](repeating: .zero, count: samples)
    elements.withUnsafeMutableBufferPointer { elements in
      nonisolated(unsafe) let target = elements
      context.run(samples) { target[$0] = element(indices[$0]) }
    }
    var (fast, direct) = (ErrorSums(), ErrorSums())
    for (index, element) in zip(indices, elements) {
      fast.add(result[index], truth: element.truth)
      direct.add(element.direct, truth: element.truth)
    }
    report.rows.append(
      AccuracyReport.Row(
        kernel: kernel, layers: layers, terms: terms, samples: samples, elements: count, maximumError: fast.maximum,
        relativeL2: fast.relativeL2, directMaximumError: direct.maximum, directRelativeL2: direct.relativeL2))
  }

  private struct ErrorSums {
    private var largest = 0.0
    private var scale = 0.0
    private var squares = 0.0
    private var truthSquares = 0.0

    mutating func add(_ value: Float, truth: Double) {
      let error = abs(Double(value) - truth)
      // A NaN counts as an infinite error.
      largest = error.isNaN ? .infinity : max(largest, error)
      scale = max(scale, abs(truth))
      squares += error * error
      truthSquares += truth * truth
    }

    var maximum: Double { largest == 0 ? 0 : largest / scale }
    var relativeL2: Double { squares == 0 ? 0 : (squares / truthSquares).squareRoot() }
  }
}

/// The order of elements in maps (N, C/16, H, W, 16).
struct BlockedIndex {
  let channels: Int
  let height: Int
  let width: Int

  @inline(__always)
  func callAsFunction(image: Int, channel: Int, y: Int, x: Int) -> Int {
    (((image * (channels / 16) + channel / 16) * height + y) * width + x) * 16 + channel % 16
  }

  @inline(__always)
  func place(_ index: Int) -> (image: Int, channel: Int, y: Int, x: Int) {
    let (pixel, plane) = (index / 16, index / 16 / (height * width))
    return (
      plane / (channels / 16), plane % (channels / 16) * 16 + index % 16, pixel / width % height, pixel % width
    )
  }
}
