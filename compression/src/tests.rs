use std::io::{Read, Write};

use flate2::{Compression, GzBuilder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use zstd_safe::{CCtx, InBuffer, OutBuffer};

use super::*;

const COMPRESSING: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// Repetitive like records, with some noise; the same for the same length.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    (0..len)
        .map(|index| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if state.is_multiple_of(5) { state as u8 } else { b"user-00042:clicked:"[index % 19] }
        })
        .collect()
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

fn compress(codec: Codec, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new().compress(codec, &Levels::default(), plain, &mut out).unwrap();
    out
}

fn decompress(codec: Codec, limits: &Limits, input: &[u8]) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    Decompressor::new().decompress(codec, limits, input, &mut out).map(|()| out)
}

fn open(codec: Codec, input: &[u8]) -> Result<Vec<u8>, DecompressError> {
    decompress(codec, &Limits::default(), input)
}

#[test]
fn contexts_are_used_again_and_again() {
    let (mut compressor, mut decompressor) = (Compressor::new(), Decompressor::new());
    let (mut compressed, mut plain) = (Vec::new(), Vec::new());
    let lens = [0, 1, 100, 32_767, 32_768, 65_535, 65_536, 65_537, 300_000, 5];
    for round in 0..2 {
        for codec in Codec::ALL {
            for len in lens {
                let input = if round == 0 { sample(len) } else { noise(len) };
                compressed.clear();
                compressed.extend_from_slice(b"head");
                compressor.compress(codec, &Levels::default(), &input, &mut compressed).unwrap();
                assert_eq!(&compressed[..4], b"head");
                decompressor.decompress(codec, &Limits::default(), &compressed[4..], &mut plain).unwrap();
                assert!(plain == input, "{codec:?} {len}");
            }
        }
    }
}

#[test]
fn contexts_survive_what_is_broken() {
    let (mut decompressor, mut plain) = (Decompressor::new(), Vec::new());
    for codec in COMPRESSING {
        let whole = compress(codec, &sample(10_000));
        for cut in [0, 5, whole.len() / 2, whole.len()] {
            let done = decompressor.decompress(codec, &Limits::default(), &whole[..cut], &mut plain);
            assert_eq!(done.is_ok(), cut == whole.len(), "{codec:?} {cut}");
        }
        assert!(plain == sample(10_000));
    }
}

#[test]
fn levels_are_heard() {
    let input = sample(60_000);
    let size = |codec, levels: Levels| {
        let (mut out, mut plain) = (Vec::new(), Vec::new());
        // The same compressor for another level before: the context must not keep it.
        let mut compressor = Compressor::new();
        compressor.compress(codec, &Levels { gzip: 5, zstd: 5, lz4: 9 }, &input, &mut out).unwrap();
        out.clear();
        compressor.compress(codec, &levels, &input, &mut out).unwrap();
        Decompressor::new().decompress(codec, &Limits::default(), &out, &mut plain).unwrap();
        assert!(plain == input);
        out.len()
    };
    let default = Levels::default();
    assert!(
        size(Codec::Gzip, Levels { gzip: 9, ..default }) < size(Codec::Gzip, Levels { gzip: 1, ..default })
    );
    assert_eq!(size(Codec::Gzip, Levels { gzip: 6, ..default }), size(Codec::Gzip, default));
    let zstd = |zstd| size(Codec::Zstd, Levels { zstd, ..default });
    assert!(zstd(19) < zstd(3) && zstd(3) < zstd(-100));
    assert!(zstd(-131_072) > 0);
}

#[test]
fn ids_are_kafkas() {
    let ids: Vec<(u8, &str)> = Codec::ALL.iter().map(|codec| (codec.id(), codec.name())).collect();
    assert_eq!(ids, [(0, "none"), (1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")]);
    assert_eq!(Codec::from_id(4), Some(Codec::Zstd));
    assert_eq!(Codec::from_id(5), None);
}

#[test]
fn every_truncation_is_noticed() {
    for codec in COMPRESSING {
        for plain in [sample(700), sample(0)] {
            let whole = compress(codec, &plain);
            for cut in 0..whole.len() {
                let done = open(codec, &whole[..cut]);
                // Snappy's framing has no end mark: what ends between two blocks looks whole. Records are counted anyway.
                let looks_whole = codec == Codec::Snappy && cut == 16;
                assert!(done.is_err() || looks_whole, "{codec:?} cut at {cut} of {}: {done:?}", whole.len());
            }
        }
    }
}

#[test]
fn bytes_after_the_end_are_noticed() {
    for codec in COMPRESSING {
        let mut whole = compress(codec, &sample(700));
        whole.extend_from_slice(&[0, 0, 7]);
        assert!(open(codec, &whole).is_err(), "{codec:?}");
    }
}

#[test]
fn flipped_bits_never_panic_and_are_mostly_noticed() {
    let limits = Limits { output_max: 4 << 20, ratio_max: 1000 };
    for codec in COMPRESSING {
        let plain = sample(700);
        let whole = compress(codec, &plain);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(out) = decompress(codec, &limits, &flipped) {
                    assert!(out.len() <= limits.output_max);
                    // The checksum of gzip covers the contents; only parts of its header carry nothing.
                    assert!(codec != Codec::Gzip || out == plain);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn anything_goes_in_and_little_comes_out(
        input in proptest::collection::vec(any::<u8>(), 0..400),
        codec in proptest::sample::select(COMPRESSING.to_vec()),
        with_magic: bool,
    ) {
        let mut bytes = if with_magic { compress(codec, &[])[..6].to_vec() } else { Vec::new() };
        bytes.extend_from_slice(&input);
        let limits = Limits { output_max: 100_000, ratio_max: 1000 };
        if let Ok(out) = decompress(codec, &limits, &bytes) {
            prop_assert!(out.len() <= limits.output_max);
        }
    }

    #[test]
    fn what_is_compressed_comes_back(
        input in proptest::collection::vec(proptest::sample::select(b"ab\x00xyz".to_vec()), 0..5000),
        codec in proptest::sample::select(COMPRESSING.to_vec()),
    ) {
        prop_assert_eq!(open(codec, &compress(codec, &input)).unwrap(), input);
    }
}

#[test]
fn bombs_stop_at_the_limits() {
    let zeros = vec![0u8; 5 << 20];
    for codec in COMPRESSING {
        let bomb = compress(codec, &zeros);
        let small = Limits { output_max: 3 << 20, ratio_max: usize::MAX };
        assert_eq!(
            decompress(codec, &small, &bomb),
            Err(DecompressError::TooLarge { output_max: 3 << 20 }),
            "{codec:?}"
        );
        let steep = Limits { output_max: usize::MAX, ratio_max: 4 };
        let by_ratio = decompress(codec, &steep, &bomb);
        assert_eq!(by_ratio, Err(DecompressError::Ratio { ratio_max: 4 }), "{codec:?}");
        let exact = Limits { output_max: zeros.len(), ratio_max: usize::MAX };
        assert!(decompress(codec, &exact, &bomb).is_ok_and(|out| out == zeros), "{codec:?}");
        let one_less = Limits { output_max: zeros.len() - 1, ratio_max: usize::MAX };
        assert!(decompress(codec, &one_less, &bomb).is_err(), "{codec:?}");
    }
}

#[test]
fn small_outputs_are_free_of_the_ratio() {
    let zeros = vec![0u8; Limits::RATIO_FREE];
    let strict = Limits { output_max: usize::MAX, ratio_max: 1 };
    for codec in COMPRESSING {
        assert!(decompress(codec, &strict, &compress(codec, &zeros)).is_ok(), "{codec:?}");
    }
}

#[test]
fn a_buffer_that_was_larger_does_not_lift_the_limit() {
    let limits = Limits { output_max: 1000, ratio_max: 1000 };
    for codec in COMPRESSING {
        let mut out = Vec::with_capacity(1 << 20);
        let done = Decompressor::new().decompress(codec, &limits, &compress(codec, &sample(1001)), &mut out);
        assert_eq!(done, Err(DecompressError::TooLarge { output_max: 1000 }), "{codec:?}");
    }
}

mod gzip_streams {
    use super::*;

    fn member(plain: &[u8]) -> Vec<u8> {
        let mut writer = GzBuilder::new()
            .filename("some name")
            .comment("a comment")
            .extra(vec![1, 2, 3])
            .mtime(77)
            .write(Vec::new(), Compression::fast());
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn members_follow_each_other() {
        let plain = sample(5000);
        let mut joined = member(&plain[..1000]);
        joined.extend(compress(Codec::Gzip, &plain[1000..4000]));
        joined.extend(member(&plain[4000..]));
        assert!(open(Codec::Gzip, &joined).unwrap() == plain);
        for cut in 0..joined.len() {
            let whole_members = open(Codec::Gzip, &joined[..cut]);
            assert!(whole_members.is_err() || whole_members.unwrap().len() < plain.len());
        }
    }

    #[test]
    fn a_header_checksum_is_looked_at() {
        let plain = sample(100);
        let mut whole = compress(Codec::Gzip, &plain);
        whole[3] = 0x02;
        let mut crc = flate2::Crc::new();
        crc.update(&whole[..10]);
        let sum = (crc.sum() as u16).to_le_bytes();
        whole.splice(10..10, sum);
        assert!(open(Codec::Gzip, &whole).unwrap() == plain);
        whole[10] ^= 1;
        assert_eq!(open(Codec::Gzip, &whole), Err(DecompressError::Corrupt("gzip header checksum")));
    }

    #[test]
    fn checksum_and_size_are_looked_at() {
        let whole = compress(Codec::Gzip, &sample(100));
        let end = whole.len();
        for (at, error) in [(end - 8, "gzip checksum"), (end - 1, "gzip size"), (0, "gzip magic")] {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert_eq!(open(Codec::Gzip, &broken), Err(DecompressError::Corrupt(error)));
        }
    }

    #[test]
    fn others_read_ours() {
        let plain = sample(70_000);
        let mut read = Vec::new();
        flate2::read::MultiGzDecoder::new(compress(Codec::Gzip, &plain).as_slice())
            .read_to_end(&mut read)
            .unwrap();
        assert!(read == plain);
    }
}

mod snappy_framings {
    use super::*;

    #[test]
    fn a_raw_block_is_read() {
        let plain = sample(2_000);
        let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        assert!(open(Codec::Snappy, &raw).unwrap() == plain);
        for cut in 0..raw.len() {
            assert!(open(Codec::Snappy, &raw[..cut]).is_err());
        }
    }

    #[test]
    fn joined_streams_are_read() {
        let plain = sample(50_000);
        let mut joined = compress(Codec::Snappy, &plain[..20_000]);
        joined.extend(compress(Codec::Snappy, &plain[20_000..]));
        assert!(open(Codec::Snappy, &joined).unwrap() == plain);
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        // 4 GiB - 1 in five bytes.
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        assert_eq!(open(Codec::Snappy, &claim), Err(DecompressError::Ratio { ratio_max: 1000 }));
    }

    #[test]
    fn framing_is_that_of_snappy_java() {
        let out = compress(Codec::Snappy, b"abc");
        assert_eq!(&out[..16], b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        assert_eq!(&out[16..20], &(out.len() as u32 - 20).to_be_bytes());
    }
}

mod lz4_frames {
    use super::*;

    fn written(info: FrameInfo, plain: &[u8]) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_kind_of_frame_is_read() {
        for len in [0, 10, 70_000, 400_000] {
            let plain = sample(len);
            for mode in [BlockMode::Independent, BlockMode::Linked] {
                for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB] {
                    for checksums in [false, true] {
                        let info = FrameInfo::new()
                            .block_mode(mode)
                            .block_size(size)
                            .block_checksums(checksums)
                            .content_checksum(checksums)
                            .content_size(checksums.then_some(len as u64));
                        let frame = written(info, &plain);
                        let read = open(Codec::Lz4, &frame);
                        assert!(read.is_ok_and(|read| read == plain), "{len} {mode:?} {size:?} {checksums}");
                    }
                }
            }
        }
    }

    #[test]
    fn checksums_and_sizes_are_looked_at() {
        let info = FrameInfo::new().block_checksums(true).content_checksum(true).content_size(Some(700));
        let frame = written(info, &sample(700));
        let end = frame.len();
        let flipped = |at: usize| {
            let mut frame = frame.clone();
            frame[at] ^= 1;
            open(Codec::Lz4, &frame).unwrap_err()
        };
        assert_eq!(flipped(end - 1), DecompressError::Corrupt("lz4 content checksum"));
        assert_eq!(flipped(end - 9), DecompressError::Corrupt("lz4 block checksum"));
        assert_eq!(flipped(6), DecompressError::Corrupt("lz4 header checksum"));
        assert_eq!(flipped(0), DecompressError::Corrupt("lz4 magic"));
    }

    #[test]
    fn others_read_ours() {
        for len in [0, 1, 65_536, 200_000] {
            for plain in [sample(len), noise(len)] {
                let mut read = Vec::new();
                FrameDecoder::new(compress(Codec::Lz4, &plain).as_slice()).read_to_end(&mut read).unwrap();
                assert!(read == plain);
            }
        }
    }

    #[test]
    fn the_old_header_checksum() {
        let plain = sample(1000);
        let kinds = [Lz4Header::Standard, Lz4Header::OverMagic, Lz4Header::StandardOrOverMagic];
        for written in kinds {
            let mut frame = Vec::new();
            Compressor::new()
                .compress_for(written, Codec::Lz4, &Levels::default(), &plain, &mut frame)
                .unwrap();
            // Both values are those of the Java client.
            assert_eq!(frame[6], if written == Lz4Header::OverMagic { 0x1a } else { 0x82 }, "{written:?}");
            for read in kinds {
                let mut out = Vec::new();
                let done = Decompressor::new().decompress_for(
                    read,
                    Codec::Lz4,
                    &Limits::default(),
                    &frame,
                    &mut out,
                );
                let may_read = read != Lz4Header::Standard || written != Lz4Header::OverMagic;
                assert_eq!(done.is_ok(), may_read, "{written:?} {read:?}");
            }
        }
    }

    #[test]
    fn a_legacy_frame_is_refused() {
        assert!(open(Codec::Lz4, &[0x02, 0x21, 0x4c, 0x18, 0, 0, 0, 0]).is_err());
    }
}

mod zstd_frames {
    use super::*;

    /// As a stream, which does not tell the content's size.
    fn streamed(plain: &[u8]) -> Vec<u8> {
        let mut context = CCtx::create();
        let mut out = Vec::with_capacity(plain.len() + 1000);
        let mut output = OutBuffer::around(&mut out);
        context.compress_stream(&mut output, &mut InBuffer::around(plain)).unwrap();
        assert_eq!(context.end_stream(&mut output).unwrap(), 0);
        out
    }

    #[test]
    fn without_a_content_size() {
        for len in [0, 100, 1_000_000] {
            let plain = sample(len);
            let frame = streamed(&plain);
            assert_eq!(zstd_safe::get_frame_content_size(&frame).unwrap(), None);
            assert!(open(Codec::Zstd, &frame).unwrap() == plain);
        }
        let bomb = streamed(&vec![7; 5 << 20]);
        assert_eq!(open(Codec::Zstd, &bomb), Err(DecompressError::Ratio { ratio_max: 1000 }));
    }

    #[test]
    fn several_frames_and_one_to_skip() {
        let plain = sample(10_000);
        let mut joined = streamed(&plain[..1000]);
        joined.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        joined.extend(compress(Codec::Zstd, &plain[1000..]));
        assert!(open(Codec::Zstd, &joined).unwrap() == plain);
    }

    #[test]
    fn a_claimed_size_is_not_believed() {
        // A frame header with a content size of 2^62 and one empty last block.
        let mut claim = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        claim.extend((1u64 << 62).to_le_bytes());
        claim.extend([1, 0, 0]);
        assert!(open(Codec::Zstd, &claim).is_err());
    }
}
