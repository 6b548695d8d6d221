// The peak rates of the machine: fused multiply-adds from registers, bytes from memory, and a product of OpenBLAS as a
// check of the first. They are upper bounds, so the best of several runs counts rather than the median.
import Compute
import Kernels

/// The peak rates of one machine.
package struct MachinePeak: Sendable {
  /// The rate of float32, with two operations per multiply-add.
  package let gflopsOneThread: Double
  package let gflops: Double
  /// The rate of a 2048^3 product of OpenBLAS on one thread, which should be close to `gflopsOneThread`.
  package let productGflopsOneThread: Double
  /// The rate of the triad a = b + s c over arrays far larger than the caches, counting all three arrays as STREAM
  /// does.
  package let memoryGbytesPerSecond: Double

  package init(
    gflopsOneThread: Double, gflops: Double, productGflopsOneThread: Double, memoryGbytesPerSecond: Double
  ) {
    self.gflopsOneThread = gflopsOneThread
    self.gflops = gflops
    self.productGflopsOneThread = productGflopsOneThread
    self.memoryGbytesPerSecond = memoryGbytesPerSecond
  }

  package static func measure(_ workers: WorkerPool) -> MachinePeak {
    let one = WorkerPool(threads: 1)
    let single = multiplyAdds(one)
    return MachinePeak(
      gflopsOneThread: single, gflops: max(workers.threads == 1 ? single : multiplyAdds(workers), single),
      productGflopsOneThread: product(side: 2048), memoryGbytesPerSecond: triad(workers))
  }

  // MARK: Multiply-adds

  /// Returns the GFLOP/s of all threads of the pool, each in its own loop without memory accesses.
  package static func multiplyAdds(_ workers: WorkerPool, repeats: Int = 5) -> Double {
    let rounds = 4_000_000
    let results = AlignedMemory(floats: 16 * workers.threads)
    func best(_ chains: Int, _ loop: (Int, SIMD16<Float>, SIMD16<Float>) -> SIMD16<Float>) -> Double {
      // The operands come from memory and the sums go there, so the compiler cannot remove the loop.
      results.pointer[0] = 0.5
      let factor = SIMD16<Float>(repeating: results.pointer[0])
      let seconds = (0..<repeats).map { _ in
        Timing.seconds {
          workers.run(workers.threads) { task, _ in
            let sum = loop(rounds, factor, factor + Float(task))
            for lane in 0..<16 { results.pointer[task * 16 + lane] = sum[lane] }
          }
        }
      }.min()!
      return Double(workers.threads * rounds * chains * 32) / seconds / 1e9
    }
    // Twelve chains hide the latency if a SIMD16 is one register; six if it is two of only sixteen.
    return max(best(12, twelveChains), best(6, sixChains))
  }

  /// Computes v = v x + y in independent chains. The values stay finite (x is 0.5), and no rule of float32 shortens the
  /// loop.
  @inline(never)
  private static func twelveChains(_ rounds: Int, _ x: SIMD16<Float>, _ y: SIMD16<Float>) -> SIMD16<Float> {
    var (a, b, c, d, e, f) = (y, y + 1, y + 2, y + 3, y + 4, y + 5)
    var (g, h, i, j, k, l) = (y + 6, y + 7, y + 8, y + 9, y + 10, y + 11)
    for _ in 0..<rounds {
      a = y.addingProduct(a, x)
      b = y.addingProduct(b, x)
      c = y.addingProduct(c, x)
      d = y.addingProduct(d, x)
      e = y.addingProduct(e, x)
      f = y.addingProduct(f, x)
      g = y.addingProduct(g, x)
      h = y.addingProduct(h, x)
      i = y.addingProduct(i, x)
      j = y.addingProduct(j, x)
      k = y.addingProduct(k, x)
      l = y.addingProduct(l, x)
    }
    return ((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l))
  }

  @inline(never)
  private static func sixChains(_ rounds: Int, _ x: SIMD16<Float>, _ y: SIMD16<Float>) -> SIMD16<Float> {
    var (a, b, c, d, e, f) = (y, y + 1, y + 2, y + 3, y + 4, y + 5)
    for _ in 0..<rounds {
      a = y.addingProduct(a, x)
      b = y.addingProduct(b, x)
      c = y.addingProduct(c, x)
      d = y.addingProduct(d, x)
      e = y.addingProduct(e, x)
      f = y.addingProduct(f, x)
    }
    return ((a + b) + (c + d)) + (e + f)
  }

  /// Returns the GFLOP/s of a square product by OpenBLAS on the calling thread.
  package static func product(side: Int, repeats: Int = 3) -> Double {
    let matrices = (0..<3).map { _ in AlignedMemory(floats: side * side) }
    for index in 0..<side * side {
      matrices[0].pointer[index] = Float(index % 13) - 6
      matrices[1].pointer[index] = Float(index % 7) - 3
    }
    let plan = MatrixProduct(rows: side, columns: side, inner: side)
    let seconds = Timing.repeated(repeats) {
      for task in 0..<plan.tasks {
        plan.multiply(matrices[0].pointer, matrices[1].pointer, into: matrices[2].pointer, task: task)
      }
    }
    return 2 * Double(side * side * side) / seconds.min()! / 1e9
  }

  // MARK: Memory

  /// Returns the GB/s (1e9 bytes) of all threads of the pool.
  package static func triad(_ workers: WorkerPool, repeats: Int = 5) -> Double {
    let bytes = max(128 << 20, 4 * Processor.largestCacheBytes)
    let blocks = 256
    let blockVectors = bytes / 64 / blocks
    let arrays = (0..<3).map { _ in AlignedMemory(floats: blocks * blockVectors * 16) }
    let vectors = arrays.map {
      UnsafeMutableRawPointer($0.pointer).bindMemory(to: SIMD16<Float>.self, capacity: $0.count / 16)
    }
    let (a, b, c) = (vectors[0], vectors[1], vectors[2])
    let seconds = withExtendedLifetime(arrays) {
      // Pages that were never written all map to one page of zeros, which is always in the cache.
      for index in 0..<blocks * blockVectors {
        b[index] = .one
        c[index] = .one
      }
      return Timing.repeated(repeats) {
        workers.run(blocks) { block, _ in
          let scale = SIMD16<Float>(repeating: 3)
          for index in block * blockVectors..<(block + 1) * blockVectors {
            a[index] = b[index].addingProduct(scale, c[index])
          }
        }
      }
    }
    return Double(3 * 64 * blocks * blockVectors) / seconds.min()! / 1e9
  }
}
