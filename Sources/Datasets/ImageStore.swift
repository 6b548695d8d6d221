// The source of training images: a folder in VOC's layout, or a pack of one. Both return the same values.
import Compute
import Images

package protocol ImageStore: Sendable {
  /// The name of each mask index; 0 is the background.
  var classNames: [String] { get }

  /// Returns the images of a list, in its order.
  func images(list: String) throws -> [ListedImage]
  /// Returns the labels of every image, in order.
  func imageLabels(_ images: [ListedImage], workers: WorkerPool) throws -> [LabelVector]
  func photograph(_ image: ListedImage) throws -> RGBImage
  /// Returns the mask of an image, whose indices have been checked.
  func loadMask(_ image: ListedImage) throws -> IndexImage
  /// Returns both, which have the same size.
  func loadWithMask(_ image: ListedImage) throws -> (photograph: RGBImage, mask: IndexImage)
  /// Returns the paths of photograph and mask as crop lists name them: under the root, with a leading slash. The mask
  /// is nil where the image has none.
  func names(of image: ListedImage) -> (photograph: String, mask: String?)
}

extension ImageStore {
  /// K, the number of classes without the background.
  package var classes: Int { classNames.count - 1 }

  /// Throws `unknownClass` for the first index that is neither in 0...K nor 255.
  package func requireClasses(of mask: IndexImage, name: String) throws(DatasetError) {
    guard let place = mask.indices.firstIndex(where: { $0 > classes && $0 != IndexImage.ignored }) else { return }
    throw .unknownClass(
      mask: name, index: Int(mask.indices[place]), x: place % mask.width, y: place / mask.width, classes: classes)
  }
}

extension VOCDirectory: ImageStore {
  package func photograph(_ image: ListedImage) throws -> RGBImage {
    try Photograph.decode(file: photographPath(image))
  }

  package func names(of image: ListedImage) -> (photograph: String, mask: String?) {
    (underRoot(photographPath(image)), maskPath(image).map(underRoot))
  }

  private func underRoot(_ path: String) -> String {
    path.hasPrefix(root + "/") ? String(path.dropFirst(root.count)) : path
  }
}
