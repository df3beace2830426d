//! The exports of both components in one world, under the paths that their code knows.
#![allow(missing_docs, unreachable_pub, clippy::all)]

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package loadlock:fuzz;
        world components {
            export loadlock:upload/auth@0.2.0;
            export loadlock:upload/validator@0.2.0;
        }
    ",
    additional_derives: [PartialEq, Eq],
});
