// DecoupledNet in Double with naive loops: both training phases, forward and backward, and inference. It shares no code
// with Kernels, Layers or Models and agrees with PyTorch's float64 goldens, so it is a reference for the float32
// network at any width, input size and number of classes.
import Foundation

/// The result of one shard in a training phase.
struct ReferenceStep {
  let loss: Double
  /// N x L, before the sigmoid: average-pooled in the classification phase, maximum-pooled in the segmentation phase.
  let scores: [Double]
  /// The gradients of the phase's parameters by dnet's names, in plain order.
  let gradients: [String: [Double]]
  /// Outputs of the layers by name, "pool5", "saliency" and "segmentation.score" among them.
  let activations: [String: PlainMaps]
  /// Batch mean and biased variance by the name of the batch normalization.
  let statistics: [String: (mean: [Double], variance: [Double])]
}

struct ReferenceDecoupledNet {
  static let bridgingEpsilon = 1e-9
  static let classificationEpsilon = 1e-5
  static let stages = [
    ["conv1_1", "conv1_2"], ["conv2_1", "conv2_2"], ["conv3_1", "conv3_2", "conv3_3"],
    ["conv4_1", "conv4_2", "conv4_3"], ["conv5_1", "conv5_2", "conv5_3"],
  ]
  static let deconvolutionStages = [
    (5, ["deconv5_1", "deconv5_2", "deconv5_3"]), (4, ["deconv4_1", "deconv4_2", "deconv4_3"]),
    (3, ["deconv3_1", "deconv3_2", "deconv3_3"]), (2, ["deconv2_1", "deconv2_2"]), (1, ["deconv1_1", "deconv1_2"]),
  ]

  /// The parameters by dnet's names, in plain order. Sizes follow from them, and names classification.*.bn.* turn on
  /// the classification network's batch normalization.
  let parameters: [String: [Double]]

  var hasBatchNorm: Bool { parameters["classification.conv1_1.bn.scale"] != nil }

  // MARK: Classification

  /// Appends conv1_1 to pool5 to a chain and returns the pooling indices by stage number 1...5.
  func features(_ chain: ReferenceChain, from source: PlainStatistics) -> [Int: [Int]] {
    var poolingIndices: [Int: [Int]] = [:]
    for (index, stage) in Self.stages.enumerated() {
      for layer in stage {
        let name = "classification." + layer
        chain.convolution(name, padding: 1)
        if hasBatchNorm { chain.batchNorm([name + ".bn"], epsilon: Self.classificationEpsilon, from: source) }
        chain.relu(name)
      }
      poolingIndices[index + 1] = chain.maxPool("pool\(index + 1)")
    }
    return poolingIndices
  }

  /// Appends the layers from pool5 to the score map N x L x S x S to a chain.
  func scoreMap(_ chain: ReferenceChain) {
    for name in ["classification.fc6", "classification.fc7"] {
      chain.convolution(name)
      chain.relu(name)
    }
    chain.convolution("classification.score")
  }

  /// Sigmoid cross-entropy of the average-pooled scores, summed over classes, divided by the examples. Labels are N x
  /// L.
  func classificationStep(images: PlainMaps, labels: [Double]) -> ReferenceStep {
    let chain = ReferenceChain(images, parameters: parameters)
    _ = features(chain, from: .batch)
    scoreMap(chain)
    let map = chain.maps
    let scores = averages(map)
    var loss = 0.0
    var gradient = PlainMaps(like: map)
    for (index, score) in scores.enumerated() {
      loss += max(score, 0) - score * labels[index] + log1p(exp(-abs(score)))
      for pixel in 0..<(map.h * map.w) {
        gradient.values[index * map.h * map.w + pixel] =
          (sigmoid(score) - labels[index]) / Double(map.h * map.w) / Double(images.n)
      }
    }
    chain.backward(gradient)
    return ReferenceStep(
      loss: loss / Double(images.n), scores: scores, gradients: chain.gradients, activations: chain.activations,
      statistics: chain.statistics)
  }

  // MARK: Saliency

  /// The score map and the hidden activations of the classifier over pool5, which the saliency reads.
  func classifier(_ pool5: PlainMaps) -> ReferenceChain {
    let chain = ReferenceChain(pool5, parameters: parameters)
    scoreMap(chain)
    return chain
  }

  /// Propagates seeds (N x L) at the maxima of the score map back through score, fc7 and fc6 to pool5.
  func saliency(_ classifier: ReferenceChain, seeds: [Double], pool5: PlainMaps) -> PlainMaps {
    let map = classifier.maps
    var seeded = PlainMaps(like: map)
    for (index, maximum) in maxima(map).enumerated() {
      seeded.values[index * map.h * map.w + maximum.position] = seeds[index]
    }
    func back(_ maps: PlainMaps, through name: String, inputs: Int, kernel: Int) -> PlainMaps {
      PlainConvolution(outputs: maps.c, inputs: inputs, kernel: kernel, padding: 0)
        .large(fromSmall: maps, weight: parameters["classification.\(name).weight"]!)
    }
    let fc6 = classifier.activations["classification.fc6.relu"]!
    let fc7 = classifier.activations["classification.fc7.relu"]!
    let overFc7 = masked(back(seeded, through: "score", inputs: fc7.c, kernel: 1), where: fc7)
    let overFc6 = masked(back(overFc7, through: "fc7", inputs: fc6.c, kernel: 1), where: fc6)
    return back(overFc6, through: "fc6", inputs: pool5.c, kernel: pool5.h - fc6.h + 1)
  }

  // MARK: Bridging and segmentation

  /// Runs from the concatenated pool5 and saliency to the score map N x 2 x H x W.
  func segment(pool5: PlainMaps, saliency: PlainMaps, poolingIndices: [Int: [Int]], from source: PlainStatistics)
    -> ReferenceChain
  {
    let chain = ReferenceChain(pool5.joined(with: saliency), parameters: parameters)
    let epsilon = Self.bridgingEpsilon
    chain.batchNorm(["bridging.pool5_bn", "bridging.saliency_bn"], epsilon: epsilon, from: source)
    for name in ["bridging.fc6", "bridging.fc7"] {
      chain.convolution(name)
      chain.batchNorm([name + ".bn"], epsilon: epsilon, from: source)
      chain.relu(name)
    }
    chain.transposedConvolution("bridging.fc6_deconv")
    chain.batchNorm(["bridging.fc6_deconv.bn"], epsilon: epsilon, from: source)
    chain.relu("bridging.fc6_deconv")
    for (number, stage) in Self.deconvolutionStages {
      chain.unpool("unpool\(number)", poolingIndices: poolingIndices[number]!)
      for layer in stage {
        let name = "segmentation." + layer
        chain.transposedConvolution(name, padding: 1)
        chain.batchNorm([name + ".bn"], epsilon: epsilon, from: source)
        chain.relu(name)
      }
    }
    chain.convolution("segmentation.score")
    return chain
  }

  /// Two-way softmax loss over the pixels of the shard that are not 255, divided by their number; zero if there are
  /// none. Labels are N x L; masks N x H x W of 0, 1 and 255. The classification network uses its recorded statistics.
  func segmentationStep(images: PlainMaps, labels: [Double], masks: [UInt8]) -> ReferenceStep {
    let frozen = ReferenceChain(images, parameters: parameters)
    let poolingIndices = features(frozen, from: .recorded)
    let pool5 = frozen.maps
    let classifier = classifier(pool5)
    let best = maxima(classifier.maps).map(\.value)
    let seeds = zip(best, labels).map { sigmoid($0) * $1 }
    let saliency = saliency(classifier, seeds: seeds, pool5: pool5)
    let chain = segment(pool5: pool5, saliency: saliency, poolingIndices: poolingIndices, from: .batch)

    let scores = chain.maps
    let area = scores.h * scores.w
    let counted = Double(max(1, masks.count { $0 != 255 }))
    var loss = 0.0
    var gradient = PlainMaps(like: scores)
    for (pixel, label) in masks.enumerated() where label != 255 {
      let background = pixel / area * 2 * area + pixel % area
      let foreground = background + area
      let probability = sigmoid(scores.values[foreground] - scores.values[background])
      let target = label == 1 ? 1.0 : 0.0
      let margin = (scores.values[foreground] - scores.values[background]) * (label == 1 ? 1 : -1)
      loss += max(-margin, 0) + log1p(exp(-abs(margin)))
      gradient.values[foreground] = (probability - target) / counted
      gradient.values[background] = (target - probability) / counted
    }
    chain.backward(gradient)
    var activations = frozen.activations.merging(classifier.activations) { first, _ in first }
    activations.merge(chain.activations) { first, _ in first }
    activations["saliency"] = saliency
    return ReferenceStep(
      loss: loss / counted, scores: best, gradients: chain.gradients, activations: activations,
      statistics: chain.statistics)
  }
}

// MARK: - Inference

/// The maps of inference before they are normalized and resized.
struct ReferenceMaps {
  /// N x L, before the sigmoid.
  let averageScores: [Double]
  let maxScores: [Double]
  /// Background probability with all present classes seeded, N x 1 x H x W.
  let background: PlainMaps
  /// Foreground probability with one class seeded, 1 x H x W after one another, in the order asked for.
  let foreground: PlainMaps
}

extension ReferenceDecoupledNet {
  /// Classes whose sigmoid of the average score is above one half are present and are seeded with it, at the place of
  /// the maximum. Batch normalization uses the recorded statistics throughout.
  func inference(images: PlainMaps, foregrounds: [(example: Int, class: Int)]) -> ReferenceMaps {
    let frozen = ReferenceChain(images, parameters: parameters)
    let poolingIndices = features(frozen, from: .recorded)
    let pool5 = frozen.maps
    let map = classifier(pool5).maps
    let average = averages(map)
    let seeds = average.map { sigmoid($0) > 0.5 ? sigmoid($0) : 0 }

    func probabilities(_ examples: [Int], seeds: [Double]) -> PlainMaps {
      let features = pool5.examples(examples)
      let classifier = classifier(features)
      let saliency = saliency(classifier, seeds: seeds, pool5: features)
      var chosen: [Int: [Int]] = [:]
      for (number, all) in poolingIndices {
        let each = all.count / images.n
        let inputs = 4 * each  // an index counts in the whole input of the pooling
        chosen[number] = examples.enumerated().flatMap { place, example in
          all[(example * each)..<((example + 1) * each)].map { $0 + (place - example) * inputs }
        }
      }
      let scores = segment(pool5: features, saliency: saliency, poolingIndices: chosen, from: .recorded).maps
      var foreground = PlainMaps(n: examples.count, c: 1, h: scores.h, w: scores.w)
      for place in examples.indices {
        for pixel in 0..<(scores.h * scores.w) {
          foreground.values[foreground.plane(place, 0) + pixel] =
            sigmoid(scores.values[scores.plane(place, 1) + pixel] - scores.values[scores.plane(place, 0) + pixel])
        }
      }
      return foreground
    }

    var background = probabilities(Array(0..<images.n), seeds: seeds)
    for index in background.values.indices { background.values[index] = 1 - background.values[index] }
    let alone = foregrounds.flatMap { example, label in
      (0..<map.c).map { $0 == label ? seeds[example * map.c + $0] : 0 }
    }
    return ReferenceMaps(
      averageScores: average, maxScores: maxima(map).map(\.value), background: background,
      foreground: probabilities(foregrounds.map(\.example), seeds: alone))
  }
}

// MARK: - Scores

func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// Mean of each plane.
private func averages(_ maps: PlainMaps) -> [Double] {
  let area = maps.h * maps.w
  return (0..<(maps.n * maps.c)).map { plane in
    maps.values[(plane * area)..<((plane + 1) * area)].reduce(0, +) / Double(area)
  }
}

/// Largest value of each plane and its position; the first of equal values wins.
private func maxima(_ maps: PlainMaps) -> [(value: Double, position: Int)] {
  let area = maps.h * maps.w
  return (0..<(maps.n * maps.c)).map { plane in
    var best = 0
    for pixel in 1..<max(area, 1) where maps.values[plane * area + pixel] > maps.values[plane * area + best] {
      best = pixel
    }
    return (maps.values[plane * area + best], best)
  }
}
