// Checks of the reduction and the optimizer: any exchange, bucket size and number of ranks gives the bits of plain
// loops.
import Cluster
import Compute
import Foundation
import Kernels
import Optimizers

/// Returns reproducible values of very different sizes, so that another order of additions changes the sum.
func value(_ index: Int, _ shard: Int, _ salt: Int) -> Float {
  var bits = UInt64(truncatingIfNeeded: index &* 1_000_003 &+ shard &* 7919 &+ salt &* 104_729) &+ 0x9E37_79B9_7F4A_7C15
  bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
  bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
  bits ^= bits >> 31
  let exponent = Int(bits & 15) - 8
  return (Float(bits >> 40) / Float(1 << 23) - 1) * Float(sign: .plus, exponent: exponent, significand: 1)
}

/// Returns FNV-1a over the bits.
func digest(_ values: UnsafeBufferPointer<Float>) -> String {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for byte in UnsafeRawBufferPointer(values) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  return String(hash, radix: 16)
}

/// Returns parameters that fill `count` floats with gaps, of several roles, one frozen, and matrices with factored
/// gradients.
func someParameters(count: Int) -> ParameterTable {
  var parameters: [ParameterSpec] = []
  var left = count
  while left > 0 {
    let index = parameters.count
    let shape: [Int] =
      switch index {
      case 4 where left > 10_000: [30, 5, 64]
      case 7 where left > 1000: [7, 48]
      case 4, 8: [left / 16, 16]
      default: [[16, 33, 1, 7 * 64][index % 4]]
      }
    let floats = shape.reduce(1, *)
    let fits = (floats + 15) & ~15 <= left
    parameters.append(
      ParameterSpec(
        "p\(index)", fits ? shape : [left], index % 2 == 0 ? .weight : .bias,
        rateMultiplier: [1, 2, 1, 0, 1][index % 5],
        decayMultiplier: index % 2 == 0 ? 1 : 0, gradient: fits && shape.count > 1 ? .factored : .stored))
    left -= fits ? (floats + 15) & ~15 : left
  }
  return ParameterTable(parameters)
}

/// Checks that four iterations give the same bits with every exchange and bucket size, the naive reduction, and plain
/// loops.
func checkReduction(_ communicator: Communicator, shards: Int, count: Int) throws {
  let table = someParameters(count: count)
  require(table.vectorCount == count, "the test's table has \(table.vectorCount) floats, not \(count)")
  let tree = ShardTree(shards: shards)
  let pool = WorkerPool(threads: 1 + communicator.rank % 2)
  let schedule = LearningRateSchedule(base: 0.05, step: 2, gamma: 0.1)
  let range = tree.range(of: communicator.rank, ranks: communicator.size)
  communicator.pieceBytes = count > 1000 ? 4000 : 1 << 20
  communicator.window = count > 1000 ? 5000 : .max

  let rows = 3
  func factors(_ parameter: ParameterSpec, _ shard: Int, _ iteration: Int) -> (
    left: [Float], right: [Float], width: Int
  ) {
    let (height, width) = (parameter.shape[0], parameter.shape.dropFirst().reduce(1, *))
    return (
      (0..<rows * height).map { value($0, shard, iteration + 100) },
      (0..<rows * width).map { value($0, shard, iteration + 200) }, width
    )
  }
  /// Computes all floats of the gradient by plain loops.
  func gradient(_ shard: Int, _ iteration: Int, _ into: UnsafeMutablePointer<Float>) {
    for i in 0..<count { into[i] = value(i, shard, iteration) }
    for (index, parameter) in table.parameters.enumerated() where parameter.gradient == .factored {
      let (left, right, width) = factors(parameter, shard, iteration)
      let product = NaiveFactorProducts.gradient(
        left: left, right: right, rows: rows, height: parameter.shape[0], width: width)
      (into + table.offsets[index]).update(from: product, count: product.count)
    }
  }
  /// Stores a gradient as a training step does.
  func store(_ shard: Int, _ iteration: Int, _ into: ShardGradient) {
    for i in 0..<table.storedCount { into.stored[i] = value(i, shard, iteration) }
    for parameter in table.parameters where parameter.gradient == .factored {
      let (left, right, _) = factors(parameter, shard, iteration)
      into.factors!.store(parameter.name, left: left, right: right, shard: into.shard, pool)
    }
  }
  func start() -> ParameterVector {
    let weights = ParameterVector(table)
    for parameter in table.parameters.indices {
      for i in weights[parameter].indices { weights[parameter][i] = value(i, parameter, 99) }
    }
    return weights
  }
  func optimizer(_ ranges: [Range<Int>]) -> MomentumSGD {
    MomentumSGD(
      table: table, ranges: ranges, schedule: schedule, momentum: 0.9, weightDecay: 0.0005, shards: shards, pool: pool)
  }

  /// Gathers the momentum on rank 0, as a checkpoint does.
  func gather(_ sgd: MomentumSGD, owned: [[Range<Int>]], into momentum: ParameterVector?) throws {
    let snapshot = OptimizerStateSnapshot(sgd.states[0], owned: owned, communicator)
    try snapshot.take()
    if let momentum {
      let names = table.parameters.map(\.name)
      for index in names.indices.sorted(by: { names[$0] < names[$1] }) {
        var place = momentum.pointer + table.offsets[index]
        try snapshot.read(index) { piece in
          place.update(from: piece.baseAddress!, count: piece.count)
          place += piece.count
        }
      }
    }
    try snapshot.finish()
  }

  /// Runs four iterations; in the middle the momentum passes through rank 0, as when a run resumes.
  func train(
    owned: [[Range<Int>]], _ weights: ParameterVector, _ iterate: (_ iteration: Int, _ sgd: MomentumSGD) throws -> Void
  ) throws -> (weights: ParameterVector, momentum: ParameterVector?) {
    var sgd = optimizer(owned[communicator.rank])
    let momentum = communicator.rank == 0 ? ParameterVector(table) : nil
    for iteration in 0..<4 {
      sgd.begin(iteration: iteration)
      try iterate(iteration, sgd)
      if iteration == 1 {
        try gather(sgd, owned: owned, into: momentum)
        sgd = optimizer(owned[communicator.rank])
        // Short pieces cut parameters and slices anywhere; the parameters are in another order than the table's.
        let order = Array(table.parameters.indices.reversed())
        var values = order.flatMap { index in momentum.map { Array($0[index]) } ?? [] }[...]
        try sgd.states[0].scatter(owned: owned, order: order, communicator, pieceFloats: 1009) { piece in
          _ = piece.update(fromContentsOf: values.prefix(piece.count))
          values = values.dropFirst(piece.count)
        }
      }
    }
    try gather(sgd, owned: owned, into: momentum)
    return (weights, momentum)
  }

  /// Trains as the training loop does: gradients leave layer by layer, weights are awaited one by one, and one
  /// iteration is aborted in between.
  func bucketed(floats: Int, _ exchange: GradientExchange) throws -> (
    weights: ParameterVector, momentum: ParameterVector?
  ) {
    let factored = table.parameters.indices.filter { table.parameters[$0].gradient == .factored }
    let plan = BucketPlan(
      table, ranks: communicator.size, floats: floats,
      exchanges: Dictionary(uniqueKeysWithValues: factored.map { ($0, exchange) }))
    let sums = PartialSums(tree: tree, shards: range, table: table, rows: rows, exchanged: plan.exchanged, pool: pool)
    let weights = start()
    var current: MomentumSGD?
    let reduction = try BucketedReduction(
      communicator, plan: plan, sums: sums, weights: weights.pointer, reportCount: 2, pool: pool
    ) { part, sum in current!.update(part, gradientSum: sum, weights: weights.pointer) }
    func backward(_ iteration: Int, isInfinite: Bool) throws -> [[Double]] {
      try reduction.begin()
      for shard in range {
        let gradient = sums.beginShard()
        for i in 0..<table.storedCount { gradient.stored[i] = value(i, shard, iteration) }
        if isInfinite, shard == shards - 1, table.storedCount > 0 { gradient.stored[5] = .infinity }
        for index in table.parameters.indices.reversed() {
          let parameter = table.parameters[index]
          if parameter.gradient == .factored {
            let (left, right, _) = factors(parameter, shard, iteration)
            gradient.factors!.store(parameter.name, left: left, right: right, shard: gradient.shard, pool)
          }
          reduction.gradientIsComplete(of: index)
        }
        sums.commit()
      }
      reduction.submitReport([sums.nonFinite == nil ? 0 : 1, Double(communicator.rank)])
      let (reports, lateness) = try reduction.agreement()
      require(reports.map { $0[1] } == (0..<communicator.size).map(Double.init), "reports \(reports)")
      require(lateness.count == communicator.size, "\(lateness.count) times of arrival")
      return reports
    }
    let result = try train(owned: plan.owned, weights) { iteration, sgd in
      current = sgd
      if iteration == 2 {
        let reports = try backward(7, isInfinite: true)
        require(reports.contains { $0[0] == 1 }, "an infinite gradient was not seen")
        let before = digest(UnsafeBufferPointer(weights.memory.buffer))
        try reduction.abort()
        require(
          digest(UnsafeBufferPointer(weights.memory.buffer)) == before,
          "an aborted iteration changed weights")
      }
      require(
        try backward(iteration, isInfinite: false).allSatisfy { $0[0] == 0 },
        "a finite gradient was taken for an infinite one")
      reduction.applyUpdates()
      for parameter in table.parameters.indices where parameter % 3 != 1 { reduction.waitForWeights(of: [parameter]) }
      if iteration % 2 == 1 { try reduction.waitForWeights() }
    }
    try reduction.waitForWeights()
    return result
  }

  func naive() throws -> (weights: ParameterVector, momentum: ParameterVector?) {
    let reduction = try NaiveReduction(communicator, tree: tree, count: count, pool: pool)
    let sums = PartialSums(tree: tree, shards: range, table: table, rows: rows, pool: pool)
    let weights = start()
    return try train(owned: reduction.owned, weights) { iteration, sgd in
      for shard in range {
        store(shard, iteration, sums.beginShard())
        sums.commit()
      }
      try reduction.reduce(sums) { part, sum in sgd.update(part, gradientSum: sum, weights: weights.pointer) }
    }
  }

  var results = [("naive", try naive())]
  for exchange in GradientExchange.allCases {
    for floats in count > 1000 ? [200, 1000, 8 << 20] : [16, 8 << 20] {
      results.append(("\(exchange) in buckets of \(floats)", try bucketed(floats: floats, exchange)))
    }
  }
  let plain = trainPlainly(table, tree, iterations: 4, schedule: schedule, from: start(), gradient: gradient)

  let wanted = digest(UnsafeBufferPointer(plain.weights.memory.buffer))
  for (name, result) in results {
    let found = digest(UnsafeBufferPointer(result.weights.memory.buffer))
    require(found == wanted, "\(name), \(shards) shards, \(count) floats: weights \(found), one rank gives \(wanted)")
    if let momentum = result.momentum {
      require(
        digest(UnsafeBufferPointer(momentum.memory.buffer))
          == digest(UnsafeBufferPointer(plain.momentum.memory.buffer)),
        "\(name), \(shards) shards, \(count) floats: momentum differs from one rank's")
    }
  }
  let frozen = table.parameters.firstIndex { $0.rateMultiplier == 0 }
  if let frozen {
    let before = start()
    withExtendedLifetime((before, results)) {
      require(Array(results[1].1.weights[frozen]) == Array(before[frozen]), "a frozen parameter moved")
    }
  }

  // Scalars over shards.
  let scalars = range.map { [value($0, 1, 2), value($0, 3, 4)] }
  let total = try communicator.sumOverShards(scalars, tree: tree)
  require(
    total == tree.sum((0..<shards).map { [Double(value($0, 1, 2)), Double(value($0, 3, 4))] }), "sumOverShards \(total)"
  )
  say("shards \(shards) count \(count) weights \(wanted) scalars \(total.map { String($0.bitPattern, radix: 16) })")
}

/// Trains by the definition, in plain loops and recursion.
func trainPlainly(
  _ table: ParameterTable, _ tree: ShardTree, iterations: Int, schedule: LearningRateSchedule,
  from weights: ParameterVector, gradient: (Int, Int, UnsafeMutablePointer<Float>) -> Void
) -> (weights: ParameterVector, momentum: ParameterVector) {
  let momentum = ParameterVector(table)
  func sum(_ gradients: [[Float]], at i: Int, first: Int, width: Int) -> Float {
    if width == 1 { return gradients[first][i] }
    let left = sum(gradients, at: i, first: first, width: width / 2)
    return first + width / 2 < gradients.count
      ? left + sum(gradients, at: i, first: first + width / 2, width: width / 2) : left
  }
  var width = 1
  while width < tree.shards { width *= 2 }
  for iteration in 0..<iterations {
    let gradients = (0..<tree.shards).map { shard in
      let memory = AlignedMemory(floats: table.vectorCount)
      gradient(shard, iteration, memory.pointer)
      return Array(memory.buffer)
    }
    for (index, parameter) in table.parameters.enumerated() {
      for i in 0..<parameter.count {
        // The kernel's roundings: both sums are fused multiply-adds.
        let mean = sum(gradients, at: table.offsets[index] + i, first: 0, width: width) * (1 / Float(tree.shards))
        let g = mean.addingProduct(0.0005 * parameter.decayMultiplier, weights[index][i])
        let v = (g * (schedule.rate(at: iteration) * parameter.rateMultiplier)).addingProduct(0.9, momentum[index][i])
        momentum[index][i] = v
        weights[index][i] -= v
      }
    }
  }
  return (weights, momentum)
}

/// Prints the seconds of one reduction of `floats` values, best of 5.
func benchmark(_ communicator: Communicator, floats: Int) throws {
  let tree = ShardTree(shards: max(16, communicator.size))
  let pool = WorkerPool(threads: 1)
  let range = tree.range(of: communicator.rank, ranks: communicator.size)
  let table = ParameterTable([ParameterSpec("network.layer.weight", [floats], .weight)])
  let weights = ParameterVector(table)
  let sums = PartialSums(tree: tree, shards: range, count: floats, pool: pool)
  let reduction = try BucketedReduction(
    communicator, plan: BucketPlan(table, ranks: communicator.size), sums: sums, weights: weights.pointer,
    reportCount: 1,
    pool: pool
  ) { _, _ in }
  if CommandLine.arguments.count > 3 { communicator.pieceBytes = Int(CommandLine.arguments[3])! }
  var best = Double.infinity
  for _ in 0..<5 {
    try reduction.begin()
    for shard in range {
      memset(sums.beginShard().stored, 0, floats * 4)
      if shard < range.upperBound - 1 { sums.commit() }
    }
    try communicator.barrier()
    let start = DispatchTime.now().uptimeNanoseconds
    reduction.gradientIsComplete(of: 0)
    sums.commit()
    reduction.submitReport([0])
    _ = try reduction.agreement()
    reduction.applyUpdates()
    try reduction.waitForWeights()
    try communicator.barrier()
    best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-9)
  }
  say(
    String(format: "reduce-scatter and all-gather of %d MB on %d ranks: %.3f s", floats >> 18, communicator.size, best))
}
