//! Servers that speak OpenAI's Files API with a difference.

use loadlock_gateway::{Silent, UploadRequest};
use loadlock_tests::{Shop, World};
use loadlock_upstream::{Fault, Operation, Recorded};

#[tokio::test]
async fn azure_and_xai_keep_expire_list_and_delete() {
    for shop in [Shop::azure().await, Shop::xai().await] {
        let world = shop.join(World::new());
        let path = world.file("a.txt", "for a while");
        let gateway = world.open().await;
        let request = UploadRequest {
            expires_in_s: Some(3_600),
            ..gateway.request(&path)
        };
        let file = gateway.gateway.upload(&gateway.who, request, &Silent).await.unwrap();
        let fields: Vec<_> = shop.posts()[0].fields.iter().map(|field| field.name.clone()).collect();
        let order = ["purpose", "expires_after[anchor]", "expires_after[seconds]", "file"];
        assert_eq!(fields, order, "{}", shop.name);
        assert!(file.expires_at.is_some());
        assert!(gateway.gateway.probe(&gateway.who, shop.name).await.unwrap().healthy);
        gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
        assert_eq!(shop.upstream.files().deleted().len(), 1, "{}", shop.name);
    }
}

/// A lost upload is found on a later page, which only its token leads to.
#[tokio::test]
async fn xais_pages_are_followed_by_their_token() {
    let shop = Shop::xai().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "sent once");
    let gateway = world.open().await;
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::ResetAfter);
    faults.push(Operation::List, Fault::Hold);
    let others_come = async {
        let asked = |seen: &[Recorded]| seen.iter().any(|it| it.operation == Some(Operation::List));
        shop.upstream.requests().wait(asked).await;
        for number in 0..250 {
            shop.upstream
                .files()
                .put(&format!("{number}.txt"), "user_data", b"another");
        }
        faults.release(1);
    };
    let (file, ()) = tokio::join!(gateway.upload_pinned("xai", &path), others_come);
    file.unwrap();
    assert_eq!(
        (shop.posts().len(), shop.upstream.requests().of(Operation::List).len()),
        (1, 3)
    );
}
