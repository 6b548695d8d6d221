// Models from disk: folded ones give the same outputs, and a run's directory stands for its newest checkpoint.
import Checkpoints
import Compute
import Evaluation
import Foundation
import Models
import Testing

@Suite struct ModelFileTests {
  private func temporaryFolder() throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("dnet-models-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }

  /// A network whose statistics, scales and shifts are all unlike those that do nothing.
  private func net(batchNormalization: Bool) -> DecoupledNet {
    let net = DecoupledNet(
      NetworkShape(width: 0.0625, inputSize: 96, classes: 3, batchNormalization: batchNormalization))
    net.initialize(.he, seed: 5)
    for vector in net.vectors {
      for parameter in vector.table.parameters where parameter.name.contains("bn.") {
        for (index, place) in vector[parameter.name].indices.enumerated() {
          let wave = Float((index &* 37 &+ parameter.name.utf8.count &* 11) % 17) / 17
          vector[parameter.name][place] =
            switch parameter.name.split(separator: ".").last {
            case "scale": 0.5 + wave
            case "variance": parameter.name.contains("saliency") ? 1e-3 * (wave + 0.1) : 0.3 + wave
            default: 0.4 * (wave - 0.5)
            }
        }
      }
      for parameter in vector.table.parameters where parameter.role == .bias {
        for index in vector[parameter.name].indices { vector[parameter.name][index] = Float(index % 5 - 2) / 20 }
      }
    }
    return net
  }

  private func outputs(_ model: any Model) -> (scores: [Float], foreground: [Float]) {
    guard let net = model as? DecoupledNet else { preconditionFailure("a file holds another model") }
    let (images, side) = (2, net.shape.inputSize)
    let planes = (0..<images * 3 * side * side).map { Float(($0 &* 7919) % 251) - 125 }
    let predictor = DecoupledNetPredictor(
      net, images: images, context: ExecutionContext(workers: WorkerPool(threads: 2)))
    let scores = predictor.scores(planes)
    predictor.decode((0..<images).map { LabelQuery(image: $0, seeds: [0.9, 0, 0.4]) })
    return (scores, Array(predictor.probabilities.buffer))
  }

  @Test("Folded models give the same outputs.", arguments: [false, true])
  func foldedModelsGiveTheSameOutputs(batchNormalization: Bool) throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let net = net(batchNormalization: batchNormalization)
    let file = folder.appendingPathComponent("model.safetensors.zst")
    try WeightsFile.publish(net.namedTensors, metadata: ["network": net.description.text], to: file)
    let (plain, folded) = (
      folder.appendingPathComponent("plain.safetensors"), folder.appendingPathComponent("folded.safetensors")
    )
    try ModelFile.export(file, to: plain.path)
    try ModelFile.export(ModelFile.network(ModelFile.resolve(folder.path)), to: folded.path, folding: true)
    #expect(WeightsDigest.hex(of: try WeightsFile.read(plain).namedTensors) == WeightsDigest.hex(of: net.namedTensors))
    let names = try WeightsFile.read(folded).entries.map(\.name)
    #expect(names.allSatisfy { !$0.contains("bn.") && ($0.hasSuffix(".weight") || $0.hasSuffix(".bias")) }, "\(names)")
    let (wanted, found) = (outputs(net), outputs(try ModelFile.network(ModelFile.resolve(folded.path))))
    #expect(
      wanted.scores.map(\.bitPattern)
        == outputs(try ModelFile.network(ModelFile.resolve(plain.path))).scores.map(\.bitPattern))
    for (a, b) in zip(wanted.scores, found.scores) { #expect(abs(a - b) < 1e-5) }
    // A unit near a ReLU's or a pooling's edge may fall to the other side and change a few pixels.
    let differences = zip(wanted.foreground, found.foreground).map { abs($0 - $1) }
    let (spread, far) = (wanted.foreground.max()! - wanted.foreground.min()!, differences.count { $0 > 1e-3 })
    #expect(spread > 0.05, "the outputs are all alike, so the comparison shows nothing: \(spread)")
    #expect(
      far <= differences.count / 1000, "\(far) of \(differences.count) pixels differ, by up to \(differences.max()!)")
  }

  @Test("A run's directory stands for its newest checkpoint.") func aRunStandsForItsNewestCheckpoint() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let net = net(batchNormalization: true)
    let store = CheckpointStore(
      folder.appendingPathComponent("run/checkpoints"), keep: 9, phases: ["classification", "segmentation"])
    try store.prepare()
    func write(_ phase: String, _ iteration: Int, _ ends: Bool) throws {
      try store.write(
        CheckpointSnapshot(
          CheckpointDescription(
            phase: phase, phaseIndex: phase == "classification" ? 0 : 1, iteration: iteration, endsPhase: ends, seed: 1,
            configuration: "", network: net.description.text, ranks: 1, dnetVersion: "0.1"),
          weights: net.namedTensors, optimizerStates: []))
    }
    let run = folder.appendingPathComponent("run").path
    #expect(throws: ModelError.self) { try ModelFile.resolve(run) }
    for (phase, iteration, ends) in [
      ("classification", 5, false), ("classification", 9, true), ("segmentation", 5, false),
    ] {
      try write(phase, iteration, ends)
      let name = "\(phase)-00000\(iteration)"
      #expect(try ModelFile.resolve(run).deletingLastPathComponent().lastPathComponent == name)
    }
    try write("segmentation", 7, true)
    for path in [run, run + "/checkpoints", run + "/checkpoints/segmentation-000007", run + "/checkpoints/latest"] {
      let loaded = try ModelFile.network(ModelFile.resolve(path))
      #expect(WeightsDigest.hex(of: loaded.namedTensors) == WeightsDigest.hex(of: net.namedTensors), "\(path)")
    }
  }

  @Test("A file of a model that is not registered names the models that are.") func unknownModels() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let net = net(batchNormalization: false)
    let file = folder.appendingPathComponent("model.safetensors.zst")
    let text = ModelDescription(model: "unknown", shape: net.shape).text
    try WeightsFile.publish(net.namedTensors, metadata: ["network": text], to: file)
    #expect(throws: ModelError.unknownModel(path: file.path, model: "unknown")) {
      try ModelFile.network(ModelFile.resolve(file.path))
    }
    try WeightsFile.publish(net.namedTensors, metadata: ["network": "VGG16"], to: file)
    #expect(throws: ModelError.noNetwork(path: file.path, found: "VGG16")) {
      try ModelFile.network(ModelFile.resolve(file.path))
    }
  }

  @Test("A file of the previous version, whose text has other keys and no model name, is still read.")
  func previousVersion() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let net = net(batchNormalization: true)
    let file = folder.appendingPathComponent("model.safetensors.zst")
    let text = #"{"batchNormalization":true,"classes":3,"inputSize":96,"width":0.0625}"#
    try WeightsFile.publish(net.namedTensors, metadata: ["network": text], to: file)
    let loaded = try ModelFile.network(ModelFile.resolve(file.path))
    #expect(loaded.shape == net.shape && loaded is DecoupledNet)
    #expect(WeightsDigest.hex(of: loaded.namedTensors) == WeightsDigest.hex(of: net.namedTensors))
  }

  @Test("Masks are trained when the phases of all groups that make them are over.") func trainedMasks() {
    #expect(DecoupledNet.untrainedGroups(afterPhase: "classification") == ["segmentation"])
    #expect(DecoupledNet.untrainedGroups(afterPhase: "segmentation") == [])
    #expect(DecoupledNet.untrainedGroups(afterPhase: "other") == nil)
  }
}
