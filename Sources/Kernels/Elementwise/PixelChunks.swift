// The partition of elementwise passes and of sums over pixels into tasks, which depends on the shape alone.
//
//   N images, C channels, H rows, W columns; maps are (N, C/16, H, W, 16)

/// The planes of N x C/16 blocks, each cut into chunks of nearly equal length that fit the cache of a core.
///
/// Chunk c lies in plane c / chunksPerPlane, so chunks follow the memory. Sums combined in chunk order have one order.
struct PixelChunks: Sendable {
  /// The default limit. 1024 pixels of a block are 64 KiB, and two streams of that size stay in a second-level cache.
  static let largest = 1024

  let images: Int
  let blocks: Int
  let pixels: Int
  let chunksPerPlane: Int
  private let length: Int

  struct Chunk {
    let block: Int
    /// The index of the chunk's first float in the maps.
    let offset: Int
    let pixels: Int
  }

  /// Creates the chunks of N images of `blocks` = C/16 and `pixels` = H x W, of at most `largest` pixels each.
  init(images: Int, blocks: Int, pixels: Int, largest: Int = Self.largest) {
    self.images = images
    self.blocks = blocks
    self.pixels = pixels
    let pieces = max((pixels + largest - 1) / largest, 1)
    length = (pixels + pieces - 1) / pieces
    chunksPerPlane = length == 0 ? 1 : (pixels + length - 1) / length
  }

  var count: Int { images * blocks * chunksPerPlane }

  @inline(__always) subscript(index: Int) -> Chunk {
    let plane = index / chunksPerPlane
    let range = range(index % chunksPerPlane)
    return Chunk(
      block: plane % blocks, offset: (plane * pixels + range.lowerBound) * 16, pixels: range.count)
  }

  /// Returns the pixels of a piece of a plane.
  @inline(__always) func range(_ piece: Int) -> Range<Int> {
    let first = piece * length
    return first..<min(first + length, pixels)
  }

  /// Calls `body` with each chunk of a channel block, image after image, which is the order in which sums are combined.
  @inline(__always) func forEach(ofBlock block: Int, _ body: (_ index: Int, _ pixels: Int) -> Void) {
    for image in 0..<images {
      for piece in 0..<chunksPerPlane {
        body((image * blocks + block) * chunksPerPlane + piece, range(piece).count)
      }
    }
  }

  /// Calls `body` with each group of up to 16 neighbouring pixels of a chunk. Requires one block per image.
  @inline(__always) func forEachGroup(_ task: Int, _ body: (_ image: Int, _ pixel: Int, _ count: Int) -> Void) {
    let range = range(task % chunksPerPlane)
    var pixel = range.lowerBound
    while pixel < range.upperBound {
      body(task / chunksPerPlane, pixel, min(16, range.upperBound - pixel))
      pixel += 16
    }
  }
}
