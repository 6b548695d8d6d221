// `--record-steps N`: what the network saw and did in the first N iterations of each phase, so that any other framework
// can repeat the step. Files: steps/PHASE-000000.safetensors before the first, then one an iteration (docs/formats.md).
import Batches
import Checkpoints
import Cluster
import Foundation
import Networks
import Tensors

final class StepRecorder {
  private let directory: String
  private let iterations: Int
  private let phase: Phase
  private let net: DecoupledNet
  private let communicator: Communicator
  /// This rank's shards of the iteration, one after another: planes, labels, masks.
  private var planes: [Float] = []
  private var labels: [Float] = []
  private var masks: [UInt8] = []

  init(_ run: RunDirectory, iterations: Int, phase: Phase, net: DecoupledNet, communicator: Communicator) throws {
    directory = run.file("steps")
    self.iterations = iterations
    self.phase = phase
    self.net = net
    self.communicator = communicator
    if iterations > 0, communicator.rank == 0 {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }
  }

  func wants(_ iteration: Int) -> Bool { iteration < iterations }

  /// The parameters before the phase's first iteration.
  func recordStart() throws {
    guard iterations > 0, communicator.rank == 0 else { return }
    try write(number: 0, tensors: net.namedTensors.map { .init($0) })
  }

  func add(_ batch: ShardBatch) {
    planes += batch.planes.buffer
    labels += batch.labels.buffer
    if phase == .segmentation { masks += UnsafeBufferPointer(start: batch.masks, count: batch.maskCount) }
  }

  /// Collective: rank 0 gathers the shards in their order and writes the file.
  func finish(iteration: Int, loss: Double) throws {
    defer { (planes, labels, masks) = ([], [], []) }
    let allPlanes = try communicator.gather(planes.withUnsafeBytes { Array($0) })
    let allLabels = try communicator.gather(labels.withUnsafeBytes { Array($0) })
    let allMasks = try communicator.gather(masks)
    guard let allPlanes, let allLabels, let allMasks else { return }
    let size = net.shape.inputSize
    let images = allPlanes.flatMap { $0 }
    let examples = images.count / (4 * 3 * size * size)
    var tensors: [StoredTensor] = [
      .init(name: "images", shape: [examples, 3, size, size], type: .float32, bytes: images),
      .init(name: "labels", shape: [examples, net.shape.classes], type: .float32, bytes: allLabels.flatMap { $0 }),
      .init(name: "loss", shape: [1], type: .float32, bytes: withUnsafeBytes(of: Float(loss)) { Array($0) }),
    ]
    if phase == .segmentation {
      tensors.append(.init(name: "masks", shape: [examples, size, size], type: .uint8, bytes: allMasks.flatMap { $0 }))
    }
    try write(number: iteration + 1, tensors: tensors + net.namedTensors.map { .init($0) })
  }

  private func write(number: Int, tensors: [StoredTensor]) throws {
    let path = "\(directory)/\(phase.rawValue)-\(String(format: "%06d", number)).safetensors"
    try SafeTensors.write(tensors, to: path)
  }
}
