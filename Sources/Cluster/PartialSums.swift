// The sums that one rank can make alone: gradients of its shards arrive one after the other and are added along the
// canonical tree as soon as two siblings are complete, like carries in a binary counter.
//
// Goals in order: the bits of the tree, few buffers (each is as large as the network), speed.
import Kernels
import Tensors
import Workers

/// Sums of gradients over the maximal tree nodes inside one rank's range of shards.
///
/// For each shard in order: write its gradient to `nextBuffer()`, then `commit()`. After the last, `nodes` holds
/// one buffer for each maximal node. `restart()` begins the next minibatch in the same memory.
package final class PartialSums {
  package let tree: ShardTree
  /// This rank's shards.
  package let shards: Range<Int>
  /// Floats of a gradient.
  package let count: Int

  private let pool: WorkerPool
  private var free: [AlignedMemory]
  private var stack: [(node: ShardTree.Node, memory: AlignedMemory)] = []
  private var open: AlignedMemory?
  private var nextShard: Int

  /// Floats of one task; additions are elementwise, so no bit depends on it.
  static let taskFloats = 1 << 16

  package init(tree: ShardTree, shards: Range<Int>, count: Int, pool: WorkerPool) {
    precondition(!shards.isEmpty && shards.lowerBound >= 0 && shards.upperBound <= tree.shards, "shards \(shards)")
    self.tree = tree
    self.shards = shards
    self.count = count
    self.pool = pool
    nextShard = shards.lowerBound
    free = (0..<Self.buffersNeeded(tree, shards)).map { _ in AlignedMemory(floats: count) }
  }

  /// How many gradients are held at the fullest moment: log2(shards) + 1 for a power of two on one rank.
  package static func buffersNeeded(_ tree: ShardTree, _ shards: Range<Int>) -> Int {
    var most = 0
    for shard in shards {
      most = max(most, tree.maximalNodes(in: shards.lowerBound..<shard).count + 1)
    }
    return most
  }

  /// Where the gradient of the next shard is to be written. What the buffer holds before is undefined.
  package func nextBuffer() -> UnsafeMutablePointer<Float> {
    precondition(nextShard < shards.upperBound, "all shards \(shards) are summed: restart() begins the next minibatch")
    if open == nil { open = free.removeLast() }
    return open!.pointer
  }

  /// Takes the gradient in `nextBuffer()` as complete and adds whatever nodes it completes.
  package func commit() {
    guard var memory = open else { preconditionFailure("commit() without a gradient: call nextBuffer() first") }
    open = nil
    var node = ShardTree.Node(level: 0, index: nextShard)
    nextShard += 1
    while node != tree.root {
      if node.isRightChild {
        guard let sibling = stack.last, sibling.node == node.parent.left else { break }
        stack.removeLast()
        add(memory.pointer, into: sibling.memory.pointer)
        free.append(memory)
        memory = sibling.memory
      } else if !tree.coverage(of: node.parent.right).isEmpty {
        break
      }
      node = node.parent
    }
    stack.append((node, memory))
  }

  /// True when the gradients of all of this rank's shards are in.
  package var isComplete: Bool { nextShard == shards.upperBound }

  /// The sums over the maximal nodes of this rank's range, from left to right; only when complete.
  package var nodes: [(node: ShardTree.Node, values: UnsafeMutablePointer<Float>)] {
    precondition(isComplete, "shards \(nextShard)..<\(shards.upperBound) have no gradient yet")
    return stack.map { ($0.node, $0.memory.pointer) }
  }

  /// Forgets all sums and begins the next minibatch.
  package func restart() {
    free += stack.map(\.memory)
    if let open { free.append(open) }
    stack.removeAll(keepingCapacity: true)
    open = nil
    nextShard = shards.lowerBound
  }

  private func add(_ values: UnsafePointer<Float>, into sum: UnsafeMutablePointer<Float>) {
    let count = count
    pool.run((count + Self.taskFloats - 1) / Self.taskFloats) { task, _ in
      let first = task * Self.taskFloats
      VectorSum.add(values + first, into: sum + first, count: min(Self.taskFloats, count - first))
    }
  }
}
