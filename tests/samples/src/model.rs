use crate::{Sample, compound, noise, padded, taken, zip};

pub(crate) fn samples() -> Vec<Sample> {
    vec![
        taken("plan.dwg", padded(b"AC1027\0\0\0\0\x7D\x01", 128), "image/vnd.dwg"),
        taken(
            "plan.dxf",
            "  0\nSECTION\n  2\nHEADER\n  9\n$ACADVER\n  1\nAC1015\n",
            "application/x-dxf",
        ),
        taken(
            "part.step",
            "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\n",
            "application/step",
        ),
        taken("part.stp", "ISO-10303-21;\nHEADER;\n", "application/step"),
        taken(
            "house.ifc",
            "ISO-10303-21;\nHEADER;\nFILE_SCHEMA(('IFC4'));\n",
            "text/plain",
        ),
        taken("part.iges", format!("{:<72}S      1\n", "1H,,1H;"), "model/iges"),
        taken("part.stl", "solid part\n facet normal 0 0 1\n", "model/stl"),
        taken("binary.stl", padded(b"made by a program", 134), "model/stl"),
        taken(
            "solid.stl",
            padded(
                b"MZ and a comment of eighty characters, which any text may fill at the beginning.\x02",
                184,
            ),
            "model/stl",
        ),
        taken(
            "words.stl",
            padded(b"solid made by a program that writes binary", 184),
            "model/stl",
        ),
        taken("part.obj", "# a cube\nv 0 0 0\nf 1 2 3\n", "model/obj"),
        taken("part.ply", "ply\nformat ascii 1.0\nelement vertex 8\n", "text/plain"),
        taken(
            "scene.glb",
            padded(b"glTF\x02\0\0\0\x40\0\0\0\x20\0\0\0JSON{}", 64),
            "model/gltf-binary",
        ),
        taken("scene.gltf", "{\"asset\":{\"version\":\"2.0\"}}", "model/gltf+json"),
        taken(
            "scene.fbx",
            padded(b"Kaydara FBX Binary  \0\x1A\0\xE8\x1C\0\0", 64),
            "application/vnd.autodesk.fbx",
        ),
        taken(
            "scene.dae",
            "<?xml version=\"1.0\"?>\n<COLLADA/>",
            "model/vnd.collada+xml",
        ),
        taken(
            "scene.blend",
            noise(b"BLENDER-v305REND\x20\0\0\0\0\0\0\0", 64),
            "application/x-blender",
        ),
        taken("scene.usdz", zip(&[("scene.usdc", b"PXR-USDC")]), "model/vnd.usdz+zip"),
        taken(
            "house.skp",
            padded(
                b"\xFF\xFE\xFF\x0ES\0k\0e\0t\0c\0h\0U\0p\0 \0M\0o\0d\0e\0l\0\xFF\xFE\xFF\x06{\x001\x008\0.\x000\0}\0",
                120,
            ),
            "application/vnd.sketchup.skp",
        ),
        taken(
            "part.3dm",
            padded(b"3D Geometry File Format        5", 80),
            "model/x-3dm",
        ),
        taken(
            "part.sldprt",
            compound(
                [0; 16],
                &["Contents/Config-0", "SwDocMgrTempStorage/A", "Header2"],
                12_000,
            ),
            "application/x-ole-storage",
        ),
        taken("world.wrl", "#VRML V2.0 utf8\nShape {}\n", "x-world/x-vrml"),
        taken("part.gcode", "; made by a slicer\nG28\nG1 X10 Y10\n", "text/plain"),
        taken("plot.hpgl", "IN;SP1;PU0,0;PD100,100;\n", "application/vnd.hp-hpgl"),
        taken("board.kicad_pcb", "(kicad_pcb (version 20221018))\n", "text/plain"),
        taken("board.gbr", "%FSLAX24Y24*%\n%MOIN*%\n", "text/plain"),
        taken(
            "molecule.mol",
            "\n  made by hand\n\n  0  0  0     0  0            999 V2000\nM  END\n",
            "text/plain",
        ),
    ]
}
