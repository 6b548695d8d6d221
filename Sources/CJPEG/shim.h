// A shim over libjpeg, which reports errors through a function that must not return. A longjmp must not cross Swift
// frames, so each function below sets up, works and cleans up in C, and returns a status with the library's message.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <jpeglib.h>
#include <jerror.h>

enum { DNET_JPEG_MESSAGE = JMSG_LENGTH_MAX };

typedef struct {
  struct jpeg_error_mgr base;  // first, so that libjpeg's pointer is ours too
  jmp_buf jump;
  char *message;
} dnet_jpeg_errors;

static inline void dnet_jpeg_fail(j_common_ptr info) {
  dnet_jpeg_errors *errors = (dnet_jpeg_errors *)info->err;
  errors->base.format_message(info, errors->message);
  longjmp(errors->jump, 1);
}

// libjpeg fills a truncated or corrupt image with grey and only warns. Here that is an error, but a warning that
// affects no pixel (padding between markers, an odd version or transform number in a header) is not.
static inline void dnet_jpeg_warn(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA: case JWRN_ADOBE_XFORM: case JWRN_JFIF_MAJOR: case JWRN_TOO_MUCH_DATA: return;
    default: dnet_jpeg_fail(info);
  }
}

static inline void dnet_jpeg_silent(j_common_ptr info) { (void)info; }

static inline struct jpeg_error_mgr *dnet_jpeg_handlers(dnet_jpeg_errors *errors, char *message) {
  jpeg_std_error(&errors->base);
  errors->base.error_exit = dnet_jpeg_fail;
  errors->base.emit_message = dnet_jpeg_warn;
  errors->base.output_message = dnet_jpeg_silent;
  errors->message = message;
  message[0] = 0;
  return &errors->base;
}

// Reads the size of the image from its header. Returns 0, or 1 with a message of at most DNET_JPEG_MESSAGE bytes.
static inline int dnet_jpeg_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height, char *message) {
  struct jpeg_decompress_struct info;
  dnet_jpeg_errors errors;
  memset(&info, 0, sizeof info);
  info.err = dnet_jpeg_handlers(&errors, message);
  if (setjmp(errors.jump)) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, count);
  jpeg_read_header(&info, TRUE);
  *width = info.image_width;
  *height = info.image_height;
  jpeg_destroy_decompress(&info);
  return 0;
}

// Decodes into `pixels`, width * height * 3 bytes as r, g, b. Grey is repeated. CMYK and YCCK are multiplied out, after
// inversion where Adobe's marker says that the file holds inverted inks.
static inline int dnet_jpeg_decode(const uint8_t *bytes, size_t count, uint8_t *pixels, char *message) {
  struct jpeg_decompress_struct info;
  dnet_jpeg_errors errors;
  memset(&info, 0, sizeof info);
  info.err = dnet_jpeg_handlers(&errors, message);
  if (setjmp(errors.jump)) {
    jpeg_destroy_decompress(&info);
    return 1;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes, count);
  jpeg_read_header(&info, TRUE);
  int inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;  // the only method whose SIMD code equals its scalar code to the bit
  jpeg_start_decompress(&info);
  size_t width = info.output_width;
  JSAMPARRAY inkRow = NULL;
  if (inks) inkRow = info.mem->alloc_sarray((j_common_ptr)&info, JPOOL_IMAGE, (JDIMENSION)(width * 4), 1);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + (size_t)info.output_scanline * width * 3;
    if (!inks) {
      jpeg_read_scanlines(&info, &row, 1);
      continue;
    }
    jpeg_read_scanlines(&info, inkRow, 1);
    unsigned flip = info.saw_Adobe_marker ? 0 : 255;
    for (size_t x = 0; x < width; x++) {
      const JSAMPLE *ink = inkRow[0] + 4 * x;
      unsigned light = ink[3] ^ flip;
      for (int c = 0; c < 3; c++) row[3 * x + c] = (uint8_t)(((ink[c] ^ flip) * light + 127) / 255);
    }
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return 0;
}

// Encodes r, g, b pixels as baseline JPEG with colour at half resolution. The caller frees `*output`.
static inline int dnet_jpeg_encode(
    const uint8_t *pixels, uint32_t width, uint32_t height, int quality, uint8_t **output, size_t *count,
    char *message) {
  struct jpeg_compress_struct info;
  dnet_jpeg_errors errors;
  // Volatile, because it is set after setjmp and needed when that returns again.
  unsigned char *volatile result = NULL;
  unsigned char *buffer = NULL;
  unsigned long size = 0;
  memset(&info, 0, sizeof info);
  info.err = dnet_jpeg_handlers(&errors, message);
  if (setjmp(errors.jump)) {
    jpeg_destroy_compress(&info);
    free(result);
    return 1;
  }
  jpeg_create_compress(&info);
  // A buffer that always suffices, so that the library never replaces it.
  size = (unsigned long)width * height * 6 + 65536;
  buffer = (unsigned char *)malloc(size);
  result = buffer;
  if (buffer == NULL) {
    jpeg_destroy_compress(&info);
    strcpy(message, "out of memory");
    return 1;
  }
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.dct_method = JDCT_ISLOW;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)info.next_scanline * width * 3);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  *output = buffer;
  *count = size;
  return 0;
}
